"""Bills of what the images hold: of the Dockerfile that is shipped, in the versions of the lock."""

import json
import re

import pytest

from deploy.supply_chain.images import DOCKERFILE, LOCK, PYTHON, bill, images, packages
from deploy.supply_chain.licences import RECORD, recorded

IMAGES = images(DOCKERFILE.read_text())


def held(image: str) -> dict[str, str]:
    found = packages(IMAGES[image].extras, lock=LOCK.read_text(), licences=recorded(RECORD.read_text()))
    return {each.name: each.version for each in found}


def test_every_image_of_ours_has_a_bill_with_the_extras_of_its_stage() -> None:
    targets = re.findall(r"^FROM base AS (\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert set(targets) - set(IMAGES) == {"build", "mlflow"}
    assert f"FROM python:{PYTHON['python_version']}-slim" in DOCKERFILE.read_text()
    assert IMAGES["monitor"].extras == ()
    assert IMAGES["dataset-validator"].extras == ("dask",)
    assert {"opencv-python-headless", "pycocotools", "distributed"} <= held("dataset-validator").keys()
    assert IMAGES["cli"].extras == ("engine", "audit")
    assert {name for name, installed in IMAGES.items() if installed.has_bytecode} == {"trainer", "exporter"}


def test_an_image_holds_what_its_service_needs_in_the_versions_of_the_lock() -> None:
    lock = LOCK.read_text()
    monitor, trainer = held("monitor"), held("trainer")
    assert f"aio-pika=={monitor['aio-pika']}" in lock
    assert {"aiormq", "pamqp", "protobuf"} <= monitor.keys()  # needed by what is needed
    assert not {"torch", "numpy", "opencv-python-headless", "pytest", "ruff"} & monitor.keys()
    assert {"torch", "torchvision", "onnx"} <= trainer.keys()
    assert "mlflow-skinny" in held("experiment-tracker")
    assert "truscore-training" not in trainer
    assert f"numpy=={trainer['numpy']} ; python_full_version >= '3.12'" in lock


@pytest.mark.parametrize("image", IMAGES)
def test_a_bill_names_each_package_once_with_its_licence_and_what_it_needs(image: str) -> None:
    found = packages(IMAGES[image].extras, lock=LOCK.read_text(), licences=recorded(RECORD.read_text()))
    made = bill(image, found)
    assert json.dumps(made) == json.dumps(bill(image, found))
    purls = [component["purl"] for component in made["components"]]
    assert len(set(purls)) == len(purls) == len(found)
    assert all(component["licenses"][0]["license"]["name"] for component in made["components"])
    graph = {each["ref"]: each["dependsOn"] for each in made["dependencies"]}
    assert graph.keys() == {image, *purls}
    assert {each for needs in graph.values() for each in needs} <= set(purls)
