"""Finished runs as the studio meets them: their models in the store, and a monitor that has heard of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from truscore.access import anonymous
from truscore.events.v1 import model_pb2, training_pb2
from truscore.storage import Store
from truscore.telemetry import serve_grpc

from services.monitor.facts import Acknowledged
from services.monitor.handlers import AlertCalls, Reads
from services.monitor.subscriptions import BoardChanges
from tests.unit.monitor.event_sequences import BEGIN_S, PublishedEvent, board_after, started


def events_of(
    store: Store, file: Path, *, run_id: str, category: str, option: str, architecture: str
) -> list[PublishedEvent]:
    """Of a run whose model is the file, which is put into the store."""
    stored = store.put_file(f"s3://truscore/models/{run_id}/model.onnx", file)
    row = {"category": category, "option": option, "architecture": architecture}
    about = {"run_id": run_id, "dataset_id": "cards", "dataset_version": "1", **row}
    artifact = model_pb2.Artifact(
        format="onnx",
        uri=stored.uri,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        parity=model_pb2.Parity(passed=True, max_abs_difference={"scores": 0.000012}),
        signature=model_pb2.ModelSignature(
            inputs=[model_pb2.TensorSpec(name="image", dtype="float32", shape=["1", "3", "height", "width"])],
            outputs=[model_pb2.TensorSpec(name="scores", dtype="float32", shape=["objects"])],
        ),
    )
    completed = training_pb2.TrainingCompleted(epochs=3, best_epoch=3, attempts=1, **about)
    exported = model_pb2.ModelExported(
        model_id=f"{category}.{option}.{architecture}", version=run_id, artifacts=[artifact], **about
    )
    return [
        started(run_id=run_id, **row),
        PublishedEvent(completed, BEGIN_S + 400),
        PublishedEvent(exported, BEGIN_S + 420),
    ]


async def _published(said: Acknowledged) -> None:
    """There is no broker."""


@asynccontextmanager
async def monitor_of(events: list[PublishedEvent]) -> AsyncIterator[str]:
    """The address of a monitor that has read these events."""
    caught_up = asyncio.Event()
    caught_up.set()
    board, changes = board_after(events), BoardChanges(8)
    calls = AlertCalls(board=board, publish=_published, clock=lambda: BEGIN_S + 1000, changed=changes.changed)
    reads = Reads(board, changes, caught_up, alerts=calls)
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), servicers=[reads.add_to]) as port:
        yield f"127.0.0.1:{port}"
