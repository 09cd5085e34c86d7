"""The objects of deploy/kubernetes as the tests read them: as files, and as `kubectl kustomize` renders them."""

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "deploy/kubernetes"
BASE = FOLDER / "base"
OVERLAYS = tuple(sorted(path.name for path in (FOLDER / "overlays").iterdir()))
WORKLOADS = ("Deployment", "StatefulSet", "Job")
CLUSTER_WIDE = ("Namespace", "PriorityClass")
RENDER_TIMEOUT_S = 60

Object = Mapping[str, Any]


@cache
def written() -> tuple[tuple[Path, Object], ...]:
    """Every object of every file, patches and what kustomize itself reads left out."""
    return tuple(_written())


def _written() -> Iterator[tuple[Path, Object]]:
    for path in sorted(FOLDER.rglob("*.yaml")):
        if path.name == "kustomization.yaml" or path.name.startswith("hardening"):
            continue
        yield from ((path, each) for each in yaml.safe_load_all(path.read_text()))


def kustomization(folder: Path) -> dict[str, Any]:
    text: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return text


@cache
def rendered(overlay: str) -> tuple[Object, ...]:
    """What is applied. Skips where there is no kubectl."""
    if which("kubectl") is None:
        pytest.skip("no kubectl on this machine: nothing renders the overlays")
    done = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / "overlays" / overlay)],
        capture_output=True,
        text=True,
        timeout=RENDER_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return tuple(yaml.safe_load_all(done.stdout))


def namespaces_of(objects: Iterable[Object]) -> set[str]:
    """Where they stand and whom they name, of those that stand in one; "" where whoever applies them decides."""
    placed = [each for each in objects if each["kind"] not in CLUSTER_WIDE]
    subjects = [subject for each in placed for subject in each.get("subjects", ())]
    return {each.get("namespace", "") for each in (*(each["metadata"] for each in placed), *subjects)}


def of_kind(objects: tuple[Object, ...], *kinds: str) -> list[Object]:
    return [each for each in objects if each["kind"] in kinds]


def pod_of(workload: Object) -> Object:
    pod: Object = workload["spec"]["template"]
    return pod


def containers_of(workload: Object) -> list[Object]:
    spec = pod_of(workload)["spec"]
    return [*spec["containers"], *spec.get("initContainers", [])]


def title(each: Object) -> str:
    return f"{each['kind']} {each['metadata']['name']}"


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes what has these labels."""
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", [])
    )
