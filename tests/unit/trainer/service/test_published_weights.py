"""Where weights to start from come from: the store, then their library's source, else a refusal that names both."""

import hashlib
import io
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from truscore.catalog.networks import NETWORKS
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.training_pb2 import TrainingCompleted, TrainingFailed, TrainingStarted
from truscore.storage import MemoryStore

from services.trainer.inputs.downloads import NotFetched, download
from services.trainer.inputs.pretrained_source import LIBRARY, LibrarySource, library_lookup
from services.trainer.inputs.published_weights import Published, published
from services.trainer.settings import Settings
from tests.unit.trainer.service.stand import BUCKET, Stand, some_dataset
from tests.unit.trainer.service.weights_server import WeightsServer, serving

NETWORK = "mask_rcnn_resnet50_fpn"
MIRRORED = f"s3://{BUCKET}/pretrained/{NETWORK}/coco.pth"
# Of no library of ours, or of one that publishes no digest with them.
UNPUBLISHED = {
    ("detectron2_mask_rcnn_r50_fpn", "coco"),
    ("sam_vit_base", "sa_1b"),
    ("vit_tiny_patch16", "imagenet"),
}
LONG_S = 30.0


def some_weights() -> bytes:
    """A real state dict, as libraries publish them."""
    torch.manual_seed(0)
    file = io.BytesIO()
    torch.save(nn.Conv2d(3, 4, 3).state_dict(), file)
    return file.getvalue()


WEIGHTS = some_weights()
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
FILE = f"network-{SHA256[:8]}.pth"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of this machine are asked directly, whatever its proxy is."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[WeightsServer]:
    with serving({FILE: WEIGHTS}) as served:
        yield served


def fetched(url: str, folder: Path, *, limit_bytes: int = len(WEIGHTS), timeout_s: float = LONG_S) -> bytes:
    place = folder / "pretrained.pth"
    download(url, place, sha256_prefix=SHA256[:8], limit_bytes=limit_bytes, timeout_s=timeout_s)
    return place.read_bytes()


@pytest.mark.parametrize("kind", ["", "unsaid/", "moved/", "leading/"])
def test_a_file_with_the_right_digest_is_there_whole(server: WeightsServer, tmp_path: Path, kind: str) -> None:
    content = fetched(f"{server.address}/{kind}{FILE}", tmp_path)
    assert content == WEIGHTS
    assert set(torch.load(io.BytesIO(content), weights_only=True)) == {"weight", "bias"}
    assert [path.name for path in tmp_path.iterdir()] == ["pretrained.pth"]


@pytest.mark.parametrize(
    ("path", "limits", "why"),
    [
        ("absent.pth", {}, "HTTP 404"),
        (FILE, {"limit_bytes": len(WEIGHTS) - 1}, f"{len(WEIGHTS)} bytes, accepted are at most {len(WEIGHTS) - 1}"),
        (f"unsaid/{FILE}", {"limit_bytes": 100}, "accepted are at most 100"),
        (f"stalling/{FILE}", {"timeout_s": 0.2}, "no answer in time|not there whole within 0.2 s"),
        (f"cut/{FILE}", {}, f"ended after {len(WEIGHTS) // 2} of {len(WEIGHTS)} bytes"),
        (f"astray/{FILE}", {}, "redirected to ftp://127.0.0.1, accepted from http is https"),
        (f"beyond/{FILE}", {}, "redirected to a port that there is none of"),
        (f"circle/{FILE}", {}, "redirected more than 10 times"),
    ],
)
def test_what_does_not_come_as_it_should_is_refused_with_its_address_and_leaves_nothing(
    server: WeightsServer, tmp_path: Path, path: str, limits: dict[str, float], why: str
) -> None:
    with pytest.raises(NotFetched, match=why) as refusal:
        fetched(f"{server.address}/{path}", tmp_path, **limits)  # type: ignore[arg-type]
    assert str(refusal.value).startswith(f"{server.address}/{path}: ")
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_another_digest_is_refused_with_both(server: WeightsServer, tmp_path: Path) -> None:
    server.files[FILE] = WEIGHTS[:-1] + b"x"
    with pytest.raises(NotFetched, match=f"expected one that begins with {SHA256[:8]}") as refusal:
        fetched(f"{server.address}/{FILE}", tmp_path)
    assert hashlib.sha256(server.files[FILE]).hexdigest() in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["beginning/", "trailing/"])
def test_a_server_that_sends_on_and_on_is_left_at_the_deadline(
    server: WeightsServer, tmp_path: Path, kind: str
) -> None:
    with pytest.raises(NotFetched, match=r"not there whole within 0\.2 s"):
        fetched(f"{server.address}/{kind}{FILE}", tmp_path, timeout_s=0.2)
    assert list(tmp_path.iterdir()) == []


def test_the_systems_proxy_is_used_but_for_hosts_that_no_proxy_names(
    server: WeightsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.address)
    assert fetched(f"http://weights.test/{FILE}", tmp_path) == WEIGHTS
    assert server.requested == [f"http://weights.test/{FILE}"]
    fetched(f"{server.address}/{FILE}", tmp_path)
    assert server.requested[1:] == [f"/{FILE}"]


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    # Held and not listened at: nobody else can come to listen there meanwhile.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/{FILE}"
        with pytest.raises(NotFetched, match=f"{url}: .*refused"):
            fetched(url, tmp_path)


def test_the_library_is_looked_up_for_its_address_and_digest_in_a_process_of_its_own() -> None:
    lookup = library_lookup(os.environ)
    found = lookup("resnet18", "imagenet")
    assert found is not None
    assert found.url.startswith("https://")
    assert found.url.endswith(f"-{found.sha256_prefix}.pth")
    assert len(found.sha256_prefix) >= 8


def test_a_library_that_does_not_answer_is_a_refusal() -> None:
    lookup = library_lookup({"PYTHONHOME": "/nowhere"})
    with pytest.raises(NotFetched, match="gave no answer about imagenet of resnet18"):
        lookup("resnet18", "imagenet")


def test_each_published_name_of_the_catalog_has_an_address_with_a_digest() -> None:
    named = {(network.name, name) for network in NETWORKS.values() for name in network.pretrained if name != "nanodet"}
    known = {
        (network.name, weights.name): weights
        for network in NETWORKS.values()
        for weights in network.weights
        if weights.torchvision or weights.timm
    }
    assert named - UNPUBLISHED == set(known)
    for (network, name), weights in known.items():
        found = published(network, name)
        assert found is not None, (network, weights)
        assert found.url.endswith(f"-{found.sha256_prefix}.pth"), (network, name)


# Through a trainer


def published_here(network: str, name: str) -> Published | None:
    """As a library would say it, of an address that nothing answers at."""
    if (network, name) != (NETWORK, "coco"):
        return None
    return Published(url=f"http://127.0.0.1:1/models/{FILE}", sha256_prefix=SHA256[:8])


def stand_on(tmp_path: Path, address: str = "", *, store: MemoryStore | None = None) -> Stand:
    return Stand(
        folder=tmp_path / "here", gates=tmp_path / "gates", store=store or MemoryStore(),
        source=LibrarySource(lookup=published_here, address=address, limit_bytes=len(WEIGHTS), timeout_s=LONG_S),
    )  # fmt: skip


def order_with(stand: Stand, name: str = "coco") -> DatasetValidated:
    order = some_dataset(stand.store)
    architecture = order.training.config.architecture_config
    architecture.base_architecture, architecture.pretrained_weights = NETWORK, name
    return order


def run_folder(stand: Stand) -> Path:
    return stand.folder / "runs" / stand.published(TrainingStarted)[0].run_id


async def test_weights_in_the_store_are_taken_without_a_request_elsewhere(
    server: WeightsServer, tmp_path: Path
) -> None:
    stand = stand_on(tmp_path, server.address)
    order = order_with(stand)
    stand.store.put(MIRRORED, b"mirrored")
    await stand.order(order)
    assert len(stand.published(TrainingCompleted)) == 1
    assert (run_folder(stand) / "pretrained.pth").read_bytes() == b"mirrored"
    assert server.requested == []


async def test_weights_that_the_store_lacks_come_from_the_source_and_are_in_the_store_then(
    server: WeightsServer, tmp_path: Path
) -> None:
    stand = stand_on(tmp_path, f"{server.address}/")
    order = order_with(stand)
    await stand.order(order)
    again = DatasetValidated.FromString(order.SerializeToString())
    again.request_id = "second"
    await stand.order(again)
    assert len(stand.published(TrainingCompleted)) == 2
    assert (run_folder(stand) / "pretrained.pth").read_bytes() == WEIGHTS
    assert stand.store.get(MIRRORED, limit_bytes=len(WEIGHTS)) == WEIGHTS
    assert server.requested == [f"/{FILE}"]


async def test_weights_that_are_nowhere_fail_the_run_with_key_name_and_both_places(
    server: WeightsServer, tmp_path: Path
) -> None:
    server.files.clear()
    stand = stand_on(tmp_path, server.address)
    await stand.order(order_with(stand))
    [failed] = stand.published(TrainingFailed)
    assert (failed.code, failed.retryable) == ("pretrained_missing", True)
    for reported in (
        "architecture_config.pretrained_weights",
        "'coco'",
        MIRRORED,
        f"{server.address}/{FILE}: HTTP 404",
    ):
        assert reported in failed.message
    assert stand.store.stat(MIRRORED) is None


async def test_damaged_weights_start_no_run_and_stay_out_of_the_store(server: WeightsServer, tmp_path: Path) -> None:
    server.files[FILE] = WEIGHTS[:-1] + b"x"
    stand = stand_on(tmp_path, server.address)
    await stand.order(order_with(stand))
    [failed] = stand.published(TrainingFailed)
    assert failed.code == "pretrained_missing"
    assert f"begins with {SHA256[:8]}" in failed.message
    assert stand.store.stat(MIRRORED) is None
    assert stand.published(TrainingStarted) == []


async def test_without_a_source_nothing_is_fetched_and_the_setting_is_named(tmp_path: Path) -> None:
    stand = stand_on(tmp_path)
    await stand.order(order_with(stand))
    [failed] = stand.published(TrainingFailed)
    assert MIRRORED in failed.message
    assert "TRUSCORE_TRAINER_WEIGHTS_SOURCE is empty" in failed.message


async def test_a_file_of_ones_own_is_looked_for_in_the_store_alone(server: WeightsServer, tmp_path: Path) -> None:
    stand = stand_on(tmp_path, server.address)
    await stand.order(order_with(stand, "ours/coco.pth"))
    [failed] = stand.published(TrainingFailed)
    assert f"s3://{BUCKET}/pretrained/ours/coco.pth" in failed.message
    assert "which no library publishes" in failed.message
    assert server.requested == []


async def test_who_asks_for_none_needs_neither_store_nor_source(tmp_path: Path) -> None:
    stand = stand_on(tmp_path)
    await stand.order(order_with(stand, "none"))
    assert len(stand.published(TrainingCompleted)) == 1
    assert not (run_folder(stand) / "pretrained.pth").exists()


def test_the_librarys_own_address_is_taken_where_that_is_requested(server: WeightsServer, tmp_path: Path) -> None:
    here = Published(url=f"{server.address}/{FILE}", sha256_prefix=SHA256[:8])
    source = LibrarySource(lookup=lambda network, name: here, address=LIBRARY)
    source.fetch(NETWORK, "coco", tmp_path / "pretrained.pth")
    assert (tmp_path / "pretrained.pth").read_bytes() == WEIGHTS
    with pytest.raises(NotFetched, match="no library publishes coco for resnet18 with a digest"):
        replace(source, lookup=published_here).fetch("resnet18", "coco", tmp_path / "other.pth")


REQUIRED = {
    "amqp_url": "amqp://broker", "s3_endpoint": "http://store", "s3_access_key": "a", "s3_secret_key": "b"
}  # fmt: skip


@pytest.mark.parametrize("address", ["", "library", "https://mirror.internal/weights", "http://10.0.0.1:8080"])
def test_a_source_is_the_library_or_an_address_or_nowhere(address: str) -> None:
    settings = Settings(**REQUIRED, trainer_weights_source=address)  # type: ignore[arg-type]
    assert settings.trainer_weights_source == address
    assert Settings(**REQUIRED).trainer_weights_source == ""  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "address", ["Library", "ftp://mirror", "file:///weights", "https://", "https://a:b@mirror", "https://:b@mirror"]
)
def test_a_source_that_is_neither_stops_the_service_with_what_is_accepted(address: str) -> None:
    with pytest.raises(ValidationError, match='accepted are "library", an http'):
        Settings(**REQUIRED, trainer_weights_source=address)  # type: ignore[arg-type]
