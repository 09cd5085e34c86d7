"""The architecture is a test: who may import whom, and what a light service may load."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LIGHT = ("dataset_validator", "monitor", "experiment_tracker", "cli", "trainer", "exporter", "studio")
HEAVY = {"torch", "torchvision", "numpy", "cv2", "PIL", "pycocotools", "onnx", "onnxruntime", "matplotlib", "pandas"}
LOADED = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded_by(module: str) -> set[str]:
    """Top-level packages that a fresh process has after importing the module."""
    argv = [sys.executable, "-c", LOADED, module]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_every_contract_between_the_rooms_holds() -> None:
    argv = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("service", LIGHT)
def test_a_service_starts_without_torch_and_image_libraries(service: str) -> None:
    loaded = loaded_by(f"services.{service}.app")
    assert not loaded & HEAVY


def test_the_search_starts_without_torch_and_pictures() -> None:
    # Optuna is made of numpy.
    assert not loaded_by("services.hyperparameter_search.app") & (HEAVY - {"numpy"})


def test_the_catalog_of_networks_is_data_that_needs_no_torch() -> None:
    assert not loaded_by("truscore.catalog.table") & HEAVY


def test_policies_of_augmentation_are_data_that_needs_no_torch() -> None:
    assert not loaded_by("truscore.augmentation") & HEAVY


def test_the_test_of_loading_would_notice_an_image_library() -> None:
    assert loaded_by("truscore.synthesis.scene") & HEAVY


def test_only_settings_read_the_environment() -> None:
    """Adapters hand the inherited environment on to a process they start; nobody else looks into it."""
    readers = ("os.environ[", "os.environ.get", "os.getenv")
    allowed = {"settings.py"}
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}"
        for folder in ("shared/truscore", "services", "deploy")
        for path in (REPOSITORY / folder).rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if path.name not in allowed and path.parent.name != "settings" and any(reader in line for reader in readers)
    ]
    assert found == []


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "misc"])
def test_no_room_is_named_after_nothing(name: str) -> None:
    rooms = [
        path
        for folder in ("shared/truscore", "services", "deploy")
        for path in (REPOSITORY / folder).rglob("*")
        if path.stem == name
    ]
    assert rooms == []


def test_no_file_is_longer_than_five_hundred_lines() -> None:
    written = [
        path
        for folder in ("shared/truscore", "services", "deploy", "tests")
        for path in (REPOSITORY / folder).rglob("*.py")
        if "_pb2" not in path.name
    ]
    assert written
    assert [str(path) for path in written if len(path.read_text().splitlines()) > 500] == []
