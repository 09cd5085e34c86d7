"""Weights out of an installed package, through a trainer: before the store, by digest, else with what was tried."""

import importlib
import sys
from pathlib import Path

import pytest
from truscore.catalog.packaged_weights import at_hand, installed_file, packaged
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.training_pb2 import TrainingCompleted, TrainingFailed, TrainingStarted

from services.trainer.inputs.pretrained_source import LibrarySource
from tests.unit.trainer.service.stand import BUCKET, Stand, some_dataset

NETWORK = "mask_rcnn_efficientnet_lite0_fpn"
MIRRORED = f"s3://{BUCKET}/pretrained/{NETWORK}/imagenet.pth"
FILE = packaged(NETWORK, "imagenet")
assert FILE is not None
installed = pytest.mark.skipif(not at_hand(NETWORK, "imagenet"), reason="needs the extra `weights`")


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    source = LibrarySource(lookup=lambda network, name: None)
    return Stand(folder=tmp_path / "here", gates=tmp_path / "gates", source=source)


def order_on(stand: Stand) -> DatasetValidated:
    order = some_dataset(stand.store)
    architecture = order.training.config.architecture_config
    architecture.base_architecture, architecture.pretrained_weights = NETWORK, "imagenet"
    return order


def pretrained(stand: Stand) -> bytes:
    run_id = stand.published(TrainingStarted)[0].run_id
    return (stand.folder / "runs" / run_id / "pretrained.pth").read_bytes()


def without_packages(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Only what lies in these folders is installed."""
    monkeypatch.setattr(sys, "path", [str(folder) for folder in folders])
    importlib.invalidate_caches()


def package_in(folder: Path, content: bytes) -> Path:
    """An installed distribution of that name, as pip lays one out."""
    info = folder / f"{FILE.distribution.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {FILE.distribution}\nVersion: 0.1.0\n")
    place = folder / FILE.path
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    return place


@installed
async def test_they_are_taken_from_the_package_before_the_store(stand: Stand) -> None:
    order = order_on(stand)
    stand.store.put(MIRRORED, b"mirrored")
    await stand.order(order)
    assert len(stand.published(TrainingCompleted)) == 1
    found = installed_file(FILE)
    assert found is not None
    assert pretrained(stand) == found.read_bytes()
    assert stand.store.get(MIRRORED, limit_bytes=100) == b"mirrored"


async def test_without_the_package_they_come_from_the_store(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    order = order_on(stand)
    stand.store.put(MIRRORED, b"mirrored")
    without_packages(monkeypatch)
    await stand.order(order)
    assert pretrained(stand) == b"mirrored"


async def test_weights_that_are_nowhere_fail_the_run_naming_package_store_and_library(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = order_on(stand)
    without_packages(monkeypatch)
    await stand.order(order)
    [failed] = stand.published(TrainingFailed)
    assert (failed.code, failed.retryable) == ("pretrained_missing", True)
    for tried in (FILE.distribution, "extra 'weights'", MIRRORED, "TRUSCORE_TRAINER_WEIGHTS_SOURCE"):
        assert tried in failed.message


async def test_a_package_with_another_file_is_not_used_and_both_digests_are_named(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    order = order_on(stand)
    place = package_in(tmp_path / "site", b"other weights")
    without_packages(monkeypatch, tmp_path / "site")
    await stand.order(order)
    [failed] = stand.published(TrainingFailed)
    for named in (str(place), FILE.sha256, "has SHA-256"):
        assert named in failed.message
    assert not stand.published(TrainingStarted)
