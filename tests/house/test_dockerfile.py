"""The images: what they are made from, in which order, and as whom they run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.compose_file import REPOSITORY, SERVICES, lineage, stages

STAGES = stages()
IMAGES = [name for name, stage in STAGES.items() if "USER " in stage.text]
# Stages that download; the first two lines of the build stage fetch uv itself.
DOWNLOADING = [
    name for name, stage in STAGES.items()
    if re.search(r"uv pip install(?!.*--no-deps)", stage.text)
]  # fmt: skip


def test_the_dockerfile_passes_its_linter() -> None:
    linted = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), "deploy/docker/Dockerfile"],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert linted.returncode == 0, linted.stdout


def test_every_image_has_a_service_and_every_service_that_is_built_its_image() -> None:
    assert {service["build"]["target"] for service in SERVICES.values() if "build" in service} == set(IMAGES)


@pytest.mark.parametrize("name", IMAGES)
def test_every_image_leaves_root(name: str) -> None:
    assert "USER 10001:10001" in STAGES[name].text


@pytest.mark.parametrize("name", DOWNLOADING)
def test_dependencies_are_downloaded_before_any_source_is_copied(name: str) -> None:
    copied = [path for stage in lineage(name) for path in stage.copied]
    assert set(copied) == {"pyproject.toml", "requirements.lock"}


@pytest.mark.parametrize("name", [name for name in IMAGES if name != "mlflow"])
def test_every_image_takes_its_dependencies_and_then_the_sources(name: str) -> None:
    dependencies, sources = STAGES[name].taken_from
    assert dependencies in DOWNLOADING
    assert sources == "sources"
    assert "uv pip install --no-deps ." in STAGES["sources"].text


def test_trainer_and_exporter_store_torch_once() -> None:
    assert STAGES["trainer"].taken_from[0] == STAGES["exporter"].taken_from[0]
    # The same copy on the same stage is the same layer.
    first = {STAGES[name].text.splitlines()[0] for name in ("trainer", "exporter")}
    assert len(first) == 1
    assert STAGES["trainer"].parent == STAGES["exporter"].parent


def test_the_image_of_the_command_line_has_what_each_command_imports() -> None:
    text = STAGES[STAGES["cli"].taken_from[0]].text
    assert set(re.findall(r"--extra (\w+)", text)) == {"engine", "audit"}  # both bring "vision"


def test_the_mlflow_server_has_the_driver_that_its_address_names() -> None:
    driver = re.match(r"postgresql\+(\w+)://", SERVICES["mlflow"]["environment"]["MLFLOW_BACKEND_STORE_URI"])
    assert driver
    assert re.search(rf"\b{driver[1]}(-binary)?\b", STAGES["dependencies-mlflow"].text)


def test_everything_that_is_copied_is_let_into_the_build() -> None:
    allowed = re.findall(r"^!(\S+)$", (REPOSITORY / ".dockerignore").read_text(), re.MULTILINE)
    copied = {path for stage in STAGES.values() for path in stage.copied}
    assert copied
    assert [path for path in copied if not any(each == path or each.startswith(f"{path}/") for each in allowed)] == []
    assert not any(each.startswith(("secrets", ".env")) for each in allowed)
