"""Writes a Helm chart of an overlay: `python -m deploy.helm.chart --overlay production --to FOLDER`.

The objects are those that `kubectl kustomize` renders, so there is one source of both. What installations differ in
becomes a value with what the overlay says as its default: with the defaults Helm renders the objects of Kustomize.
"""

import argparse
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

REPOSITORY: Final = Path(__file__).parents[2]
OVERLAYS: Final = REPOSITORY / "deploy" / "kubernetes" / "overlays"
TIMEOUT_S: Final = 60
NAMESPACE: Final = "truscore"
STORE_VALUES: Final = {"TRUSCORE_S3_ENDPOINT": "endpoint", "TRUSCORE_BUCKET": "bucket"}
# Stand in a manifest for what a template says, until it is text: what is in them, no manifest has.
_OPEN, _CLOSE, _BEGIN, _END = "\ue000", "\ue001", "\ue002", "\ue003"

Object = dict[str, Any]


class NotRendered(Exception):
    """kubectl is missing, or did not render the overlay."""


@dataclass(kw_only=True, slots=True)
class Chart:
    """The text of the template, and the defaults of its values."""

    values: dict[str, Any] = field(default_factory=lambda: {"namespace": NAMESPACE, "replicas": {}, "store": {}})
    template: str = ""


def render_overlay(overlay: str) -> list[Object]:
    """What Kustomize makes of it. Raises NotRendered."""
    argv = ["kubectl", "kustomize", str(OVERLAYS / overlay)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except FileNotFoundError:
        raise NotRendered("kubectl is not on PATH: Kustomize is a part of it") from None
    except subprocess.SubprocessError as error:
        raise NotRendered(f"{' '.join(argv)}: {error}: {getattr(error, 'stderr', '')}") from error
    return list(yaml.load_all(done.stdout, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def chart_of(objects: list[Object]) -> Chart:
    """The chart of these objects; they are left as they are."""
    chart = Chart()
    texts = [_text(_with_values(each, chart), chart) for each in objects]
    chart.template = "---\n".join(texts)
    return chart


def _with_values(each: Object, chart: Chart) -> Object:
    made: Object = _walked(each, str)
    name = each["metadata"]["name"]
    if each["kind"] == "Namespace":
        made["metadata"]["name"] = _value("namespace")
    if "namespace" in each["metadata"]:
        made["metadata"]["namespace"] = _value("namespace")
    for subject in made.get("subjects", ()):
        subject["namespace"] = _value("namespace")
    if each["kind"] == "Deployment" and "replicas" in each["spec"]:
        chart.values["replicas"][_camel(name)] = each["spec"]["replicas"]
        made["spec"]["replicas"] = _value(f"replicas.{_camel(name)}")
    if each["kind"] == "ConfigMap" and name.startswith("truscore-store"):
        for key, value in STORE_VALUES.items():
            chart.values["store"][value] = each["data"][key]
            made["data"][key] = _value(f"store.{value}", quoted=True)
    return made


def _text(each: Object, chart: Chart) -> str:
    written = yaml.safe_dump(_walked(each, lambda text: _image(text, chart)), width=float("inf"), allow_unicode=True)
    # Escaped as text: a string that begins with braces has got its quotes by then.
    written = written.replace("{{", _OPEN).replace("}}", _CLOSE)
    for mark, said in ((_OPEN, '{{ "{{" }}'), (_CLOSE, '{{ "}}" }}'), (_BEGIN, "{{ .Values."), (_END, " }}")):
        written = written.replace(mark, said)
    return written


def _image(text: str, chart: Chart) -> str:
    """Images of ours get their registry and tag from values."""
    before, slash, tag = text.partition(":")
    if not slash or not before.startswith("truscore/") or "/" in tag:
        return text
    chart.values["image"] = {"registry": "", "tag": tag}
    return f"{_value('image.registry')}{before}:{_value('image.tag')}"


def _value(path: str, *, quoted: bool = False) -> str:
    return f"{_BEGIN}{path}{' | quote' if quoted else ''}{_END}"


def _walked(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _walked(each, change) for key, each in value.items()}
    if isinstance(value, list):
        return [_walked(each, change) for each in value]
    return change(value) if isinstance(value, str) else value


def _camel(name: str) -> str:
    """As Helm wants names of values: experimentTracker."""
    first, *others = name.split("-")
    return first + "".join(each.capitalize() for each in others)


def write_chart(overlay: str, folder: Path) -> None:
    """Raises NotRendered, OSError."""
    chart = chart_of(render_overlay(overlay))
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    about = {
        "apiVersion": "v2",
        "name": "truscore",
        "description": f"TruScore training system, as the Kustomize overlay {overlay} has it",
        "type": "application",
        "version": version,
        "appVersion": version,
    }
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    (folder / "Chart.yaml").write_text(yaml.safe_dump(about, sort_keys=False))
    (folder / "values.yaml").write_text(yaml.safe_dump(chart.values, sort_keys=False))
    (folder / "templates" / "objects.yaml").write_text(chart.template)


def main() -> None:
    """Entry point."""
    overlays = sorted(path.name for path in OVERLAYS.iterdir())
    parser = argparse.ArgumentParser(prog="python -m deploy.helm.chart", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--overlay", choices=overlays, default="production", help="what the chart is made of")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the chart is written")
    arguments = parser.parse_args()
    try:
        write_chart(arguments.overlay, arguments.to)
    except (NotRendered, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
