"""The Helm chart renders what Kustomize renders, and its values reach what they name."""

import json
import re
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml

from deploy.helm.chart import chart_of, write_chart
from tests.house.manifests import OVERLAYS, Object, namespaces_of, rendered, title

# The loader in C, where there is one: the chart has four thousand lines.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
OTHERS = {
    "namespace": "elsewhere",
    "image": {"registry": "registry.example.org/", "tag": "9.9.9"},
    "replicas": {"trainer": 7},
    "store": {"endpoint": "https://store.example.org", "bucket": "cards"},
}


def merged(defaults: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: merged(each, values.get(key, {})) if isinstance(each, dict) else values.get(key, each)
        for key, each in defaults.items()
    }


@cache
def chart(overlay: str) -> Any:
    return chart_of([dict(each) for each in rendered(overlay)])


def as_helm_would(overlay: str, values: dict[str, Any]) -> dict[str, Object]:
    """What our few expressions mean, where there is no Helm: a value, a quoted value, and braces."""
    known = merged(chart(overlay).values, values)

    def said(found: re.Match[str]) -> str:
        if found["braces"]:
            return found["braces"]
        value: Any = known
        for name in found["path"].split("."):
            value = value[name]
        return json.dumps(value) if found["quoted"] else str(value)

    expression = r'\{\{ (?:"(?P<braces>\{\{|\}\})"|\.Values\.(?P<path>[A-Za-z.]+)(?P<quoted> \| quote)?) \}\}'
    text = re.sub(expression, said, chart(overlay).template)
    return {title(each): each for each in yaml.load_all(text, LOADER)}


def as_helm_does(folder: Path, values: dict[str, Any]) -> dict[str, Object]:
    """By the program, or by the library that is the same code. Skips where there is neither."""
    if which("helm"):
        (folder / "other.yaml").write_text(yaml.safe_dump(values))
        argv = ["helm", "template", "truscore", str(folder), "--values", str(folder / "other.yaml")]
        text = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    elif find_spec("helm_python"):
        import helm_python  # type: ignore[import-not-found]

        with helm_python.Chart.load(folder) as loaded:
            text = "---\n".join(loaded.render(values, name="truscore").values())
    else:
        pytest.skip("neither the program helm nor the package helm-python-sdk is on this machine")
    return {title(each): each for each in yaml.load_all(text, LOADER) if each}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_helm_and_kustomize_render_the_same_objects(overlay: str) -> None:
    expected = {title(each): each for each in rendered(overlay)}
    assert as_helm_would(overlay, {}) == expected
    assert len(expected) == len(rendered(overlay))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_helm_itself_renders_the_same_objects(overlay: str, tmp_path: Path) -> None:
    rendered(overlay)  # skips without kubectl
    write_chart(overlay, tmp_path)
    assert as_helm_does(tmp_path, {}) == {title(each): each for each in rendered(overlay)}
    assert as_helm_does(tmp_path, OTHERS) == as_helm_would(overlay, OTHERS)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_values_reach_what_they_name_and_nothing_else(overlay: str) -> None:
    found = as_helm_would(overlay, OTHERS)
    text = json.dumps(list(found.values()))
    assert namespaces_of(found.values()) == {"elsewhere"}
    assert "Namespace elsewhere" in found
    assert found["Deployment trainer"]["spec"]["replicas"] == 7
    assert "registry.example.org/truscore/trainer:9.9.9" in text
    assert not re.search(r'"image": "truscore/', text)
    (store,) = (each for name, each in found.items() if name.startswith("ConfigMap truscore-store"))
    assert store["data"]["TRUSCORE_S3_ENDPOINT"] == "https://store.example.org"
    assert store["data"]["TRUSCORE_BUCKET"] == "cards"
