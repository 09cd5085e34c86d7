"""One dataset in, one model out, for somebody who has nothing of ours but the .proto files."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tarfile
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any

import aio_pika
import pytest
import torch
from aio_pika.abc import AbstractChannel, AbstractQueue
from truscore.datasets import load_image
from truscore.storage import S3Store
from truscore.synthesis import CLASS_NAMES, render_dataset
from truscore.zoo import load_checkpoint_model
from truscore.zoo.preprocess import preprocess

from deploy.local.servers.programs import REPOSITORY
from tests.e2e.conftest import Stack
from tests.e2e.running import RunningServices

HERE = Path(__file__).parent
PIXELS = 0.25

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


INBOXES = ("dataset-validator.dataset.ready", "trainer.dataset.validated", "exporter.training.completed")
COUNTED = ("training.started", "training.completed", "model.exported")
QUIET_TIMEOUT_S = 120.0


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What protoc makes of the .proto files, and nothing else."""
    target = tmp_path_factory.mktemp("generated")
    files = sorted(str(path) for path in (REPOSITORY / "proto" / "truscore" / "events").rglob("*.proto"))
    well_known = str(resources.files("grpc_tools") / "_proto")
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{REPOSITORY / 'proto'}", f"-I{well_known}"]
    subprocess.run([*command, f"--python_out={target}", *files], check=True)
    return target


async def test_a_client_with_only_the_proto_files_gets_one_model_that_runs_without_torch(
    stack: Stack, generated: Path, tmp_path: Path
) -> None:
    """It orders a hundred times over: one run, one model. A second system with the same images gets that model too."""
    cards = render_dataset(tmp_path / "cards", count=24, seed=11, image_size=(200, 240))
    reported = {
        "amqp_url": stack.amqp_url,
        "s3_endpoint": stack.objects.endpoint,
        "s3_access_key": stack.objects.access_key,
        "s3_secret_key": stack.objects.secret_key,
        "bucket": stack.bucket,
        "dataset": str(cards),
        "out": str(tmp_path),
    }
    output, of_second_system = tmp_path / "arguments.json", tmp_path / "second.json"
    output.write_text(json.dumps(reported | {"dataset_id": "plain-cards"}))
    of_second_system.write_text(json.dumps(reported | {"dataset_id": "plain-cards-of-the-second-system"}))
    connection = await aio_pika.connect(stack.amqp_url)
    async with connection:
        counting = await counter(await connection.channel())
        client = [str(HERE / "plain_client.py"), str(generated), str(output)]
        answer = await asyncio.to_thread(run_client, stack.services, client, cwd=tmp_path)
        second = [str(HERE / "plain_client.py"), str(generated), str(of_second_system)]
        assert await asyncio.to_thread(run_client, stack.services, second, cwd=tmp_path) == answer
        await all_settled(stack)
        assert await counts(counting) == dict.fromkeys(COUNTED, 1)
    assert answer["model_id"] == "border_detection.dual_class.mask_rcnn"
    assert answer["parity"]
    assert (answer["class_names"], answer["inputs"]) == (list(CLASS_NAMES["dual_class"]), ["image"])

    pictures = sorted((cards / "images").iterdir())[:3]
    of_engine = run_client(
        stack.services,
        [str(HERE / "plain_engine.py"), str(tmp_path / "model.onnx"), *map(str, pictures)],
        cwd=tmp_path,
    )
    for picture, found in zip(pictures, of_engine, strict=True):
        assert_same_boxes(eagerly(tmp_path / "best.pt", picture), found)
    assert_whole_package(stack.store, answer, tmp_path / "model.onnx")


async def counter(channel: AbstractChannel) -> AbstractQueue:
    """A queue that gets a copy of what is to be counted."""
    queue = await channel.declare_queue(exclusive=True)
    for key in COUNTED:
        await queue.bind("truscore.events", key)
    return queue


async def all_settled(stack: Stack) -> None:
    """Until no inbox holds a message, taken up or not."""
    async with asyncio.timeout(QUIET_TIMEOUT_S):
        # The broker's counts can only be asked for: it tells nobody when an inbox is empty.
        while any([await asyncio.to_thread(held, stack, inbox) for inbox in INBOXES]):  # noqa: ASYNC110
            await asyncio.sleep(0.5)


def held(stack: Stack, inbox: str) -> int:
    """Messages that wait or are being worked on, by the broker's own count, which is some seconds old."""
    queue = stack.node.manage("GET", f"/api/queues/{stack.vhost}/{inbox}")
    assert isinstance(queue, dict)
    return int(queue["messages"])


async def counts(queue: AbstractQueue) -> dict[str, int]:
    """How many events there were of each kind, as a consumer counts that drops what it knows by its id."""
    found: dict[str, set[str]] = {key: set() for key in COUNTED}
    while (message := await queue.get(no_ack=True, fail=False)) is not None:
        found[message.routing_key or ""].add(message.message_id or "")
    return {key: len(ids) for key, ids in found.items()}


def run_client(services: RunningServices, arguments: list[str], *, cwd: Path) -> Any:
    """What the process says, as JSON; where it fails, with the services' last words."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("TRUSCORE_", "PYTHONPATH"))
    }
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, f"{done.stderr[-4000:]}\n{services.tails()}"
    return json.loads(done.stdout.splitlines()[-1])


def eagerly(checkpoint: Path, picture: Path) -> dict[str, torch.Tensor]:
    model, _, _ = load_checkpoint_model(checkpoint)
    with torch.no_grad():
        found: dict[str, torch.Tensor] = model([preprocess(load_image(picture))])[0]
    return found


def assert_same_boxes(eager: dict[str, torch.Tensor], found: dict[str, list[Any]]) -> None:
    """One to one: each box of the checkpoint has one of its label, place and score in the engine."""
    assert len(found["boxes"]) == len(eager["boxes"]) > 0
    left = list(zip(found["labels"], found["scores"], found["boxes"], strict=True))
    for label, score, box in zip(
        eager["labels"].tolist(), eager["scores"].tolist(), eager["boxes"].tolist(), strict=True
    ):
        same = next(
            (
                each
                for each in left
                if each[0] == label
                and abs(each[1] - score) < 1e-3
                and max(abs(a - b) for a, b in zip(each[2], box, strict=True)) < PIXELS
            ),
            None,
        )
        assert same is not None, f"label {label}, score {score:.4f}, box {box} is not among {left}"
        left.remove(same)


def assert_whole_package(store: S3Store, answer: dict[str, Any], model: Path) -> None:
    package = store.get(answer["package_uri"], limit_bytes=1 << 28, sha256=answer["package_sha256"])
    with tarfile.open(fileobj=BytesIO(package)) as archive:
        sums = archive.extractfile("SHA256SUMS")
        assert sums is not None
        listed = {line.split("  ")[1] for line in sums.read().decode().splitlines()}
        assert listed == set(archive.getnames()) - {"SHA256SUMS"}
        packed = archive.extractfile("model.onnx")
        assert packed is not None
        assert hashlib.sha256(packed.read()).digest() == hashlib.sha256(model.read_bytes()).digest()
