"""The exporter as a process, a completed run for it, and somebody who hears its answers, for tests."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from truscore.bus import Bus, Envelope, connect, consume_broadcast, publisher
from truscore.datasets import index_to_json, read_dataset, split_dataset, split_to_json
from truscore.events.v1.model_pb2 import ExportFailed, ModelExported
from truscore.events.v1.telemetry_pb2 import HardwareSampled
from truscore.events.v1.training_pb2 import ObjectRef, TrainingCompleted
from truscore.storage import S3Store, Stored
from truscore.synthesis import CLASS_NAMES, render_dataset

from deploy.local.objects import ObjectServer
from deploy.local.ports import free_ports

REPOSITORY = Path(__file__).resolve().parents[3]
WAIT_S = 240
STOP_S = 30
HEARD = (ModelExported, ExportFailed, HardwareSampled)
OPTION = "dual_class"


@contextmanager
def exporter_process(
    amqp_url: str, s3: ObjectServer, bucket: str, workdir: Path, **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m services.exporter` until the block ends; it ends with code 0."""
    grpc_port, metrics_port = free_ports(2)
    given = {
        "TRUSCORE_AMQP_URL": amqp_url,
        "TRUSCORE_S3_ENDPOINT": s3.endpoint,
        "TRUSCORE_S3_ACCESS_KEY": s3.access_key,
        "TRUSCORE_S3_SECRET_KEY": s3.secret_key,
        "TRUSCORE_BUCKET": bucket,
        "TRUSCORE_EXPORTER_WORKDIR": str(workdir),
        "TRUSCORE_EXPORTER_GRPC_PORT": str(grpc_port),
        "TRUSCORE_EXPORTER_METRICS_PORT": str(metrics_port),
        "TRUSCORE_EXPORTER_RETRY_DELAYS_S": "[0.05, 0.1]",
        "TRUSCORE_EXPORTER_SAMPLE_S": "0.5",
        "TRUSCORE_EXPORTER_PARITY_IMAGES": "2",
        "TRUSCORE_EXPORTER_BENCHMARK_ROUNDS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "services.exporter"], cwd=REPOSITORY, env={**os.environ, **given, **more}
    )
    try:
        yield process
        process.terminate()
        assert process.wait(STOP_S) == 0
    finally:
        process.kill()
        process.wait(STOP_S)


class Harness:
    """Says that runs are completed and keeps what the exporter answers."""

    def __init__(self, bus: Bus) -> None:
        self.answers: list[tuple[Any, Envelope]] = []
        self.samples: list[HardwareSampled] = []
        self._news = asyncio.Condition()
        self._publisher = publisher(bus, service="trainer")

    async def note(self, event: Any, envelope: Envelope) -> None:
        async with self._news:
            if isinstance(event, HardwareSampled):
                self.samples.append(event)
            else:
                self.answers.append((event, envelope))
            self._news.notify_all()

    async def complete(self, completed: TrainingCompleted, *, times: int = 1) -> None:
        for _ in range(times):
            await self._publisher.publish(completed, subject=completed.run_id)

    async def working(self) -> None:
        """Returns once the exporter has told of its hardware, which it does while it works."""
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: bool(self.samples))

    async def answered(self, count: int) -> list[tuple[Any, Envelope]]:
        """The answers, once there are `count`."""
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: len(self.answers) >= count)
        return self.answers


@asynccontextmanager
async def harness(amqp_url: str) -> AsyncIterator[Harness]:
    bus = connect(amqp_url, service="upstream", instance="harness")
    one = Harness(bus)
    consume_broadcast(bus, HEARD, one.note, service="upstream", instance="harness")
    await bus.start()
    try:
        yield one
    finally:
        await bus.stop()


def completed_run(store: S3Store, bucket: str, folder: Path) -> TrainingCompleted:
    """Cards, their index and split, and an untrained checkpoint in the store, and the event that names them."""
    cards = render_dataset(folder / "cards", count=8, seed=5, image_size=(160, 200))
    index = read_dataset(cards).index
    assert index is not None
    root = f"s3://{bucket}/upstream/cards/"
    for image in index.images:
        store.put_file(root + image.path, cards / image.path)
    run = f"s3://{bucket}/runs/run-1/"
    return TrainingCompleted(
        run_id="run-1",
        best_checkpoint=_reference(store.put_file(run + "checkpoints/best.pt", _checkpoint(folder / "best.pt"))),
        metrics={"box_AP50": 0.5},
        dataset_id="cards",
        dataset_version="1",
        dataset_uri=root,
        category="border_detection",
        option=OPTION,
        architecture="mask_rcnn",
        dataset_index=_reference(store.put(run + "index.json", index_to_json(index).encode())),
        split=_reference(store.put(run + "split.json", split_to_json(split_dataset(index, seed=0)).encode())),
    )


def _checkpoint(path: Path) -> Path:
    # Imported late: half of these tests need no torch.
    import torch
    from truscore.recipes import recipe_to_json, resolve
    from truscore.zoo import build_model

    overrides = {
        "image_size": 64,
        "architecture_config": {"base_architecture": "mask_rcnn_mobilenet_v3_small_fpn"},
    }
    recipe = resolve("border_detection", OPTION, "mask_rcnn", overrides)
    torch.manual_seed(3)
    names = CLASS_NAMES[OPTION]
    model = build_model(recipe, len(names))
    torch.save({"model": model.state_dict(), "recipe": recipe_to_json(recipe), "class_names": list(names)}, path)
    return path


def _reference(stored: Stored) -> ObjectRef:
    return ObjectRef(uri=stored.uri, sha256=stored.sha256, size_bytes=stored.size_bytes)


def unmade_run(bucket: str) -> TrainingCompleted:
    """The event of a run none of whose objects are there."""

    def nowhere(name: str) -> ObjectRef:
        return ObjectRef(uri=f"s3://{bucket}/runs/run-2/{name}", sha256="a" * 64, size_bytes=1)

    return TrainingCompleted(
        run_id="run-2",
        best_checkpoint=nowhere("best.pt"),
        dataset_id="cards",
        dataset_version="1",
        dataset_uri=f"s3://{bucket}/upstream/cards/",
        category="border_detection",
        option=OPTION,
        architecture="mask_rcnn",
        dataset_index=nowhere("index.json"),
        split=nowhere("split.json"),
    )
