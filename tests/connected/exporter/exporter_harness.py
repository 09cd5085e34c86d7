"""The exporter as a process, a completed run for it, and its answers, for tests."""

import json
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

from truscore.bus import publisher
from truscore.datasets import index_to_json, read_dataset, split_dataset, split_to_json
from truscore.events.v1.model_pb2 import ExportFailed, ExportOrdered, ModelExported
from truscore.events.v1.training_pb2 import ObjectRef, TrainingCompleted
from truscore.storage import S3Store, Stored
from truscore.synthesis import CLASS_NAMES, render_dataset

from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.ports import free_ports
from tests.connected.answers import AnswerRecorder, broker_and_store, recording, service_process

WAIT_S = 240
OPTION = "dual_class"
BORDERS = ("border_detection", OPTION, "mask_rcnn")
GRADES = ("corner_analysis", "quality_classification", "vision_transformer")
BASES = {BORDERS: "mask_rcnn_mobilenet_v3_small_fpn", GRADES: "vit_compact"}


@contextmanager
def exporter_process(
    amqp_url: str, s3: ObjectServer, bucket: str, workdir: Path, **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m services.exporter` until the block ends; it ends with code 0."""
    grpc_port, metrics_port = free_ports(2)
    environment = broker_and_store(amqp_url, s3, bucket) | {
        "TRUSCORE_EXPORTER_WORKDIR": str(workdir),
        "TRUSCORE_EXPORTER_GRPC_PORT": str(grpc_port),
        "TRUSCORE_EXPORTER_METRICS_PORT": str(metrics_port),
        "TRUSCORE_EXPORTER_RETRY_DELAYS_S": "[0.05, 0.1]",
        "TRUSCORE_EXPORTER_SAMPLE_S": "0.5",
        "TRUSCORE_EXPORTER_PARITY_IMAGES": "2",
        "TRUSCORE_EXPORTER_BENCHMARK_ROUNDS": "1",
        "TRUSCORE_EXPORTER_PREPARED_CHILD": "false",
    }
    with service_process("services.exporter", environment | more) as process:
        yield process


class Harness(AnswerRecorder):
    """Publishes that runs are completed and keeps what the exporter answers."""

    async def complete(self, completed: TrainingCompleted, *, times: int = 1) -> None:
        trainer = publisher(self._bus, service="trainer")
        for _ in range(times):
            await trainer.publish(completed, subject=completed.run_id)

    async def order(self, run_id: str, *formats: str, request_id: str) -> None:
        order = ExportOrdered(run_id=run_id, formats=formats, request_id=request_id)
        await publisher(self._bus, service="cli").publish(order, subject=run_id, sequence=request_id)


def harness(amqp_url: str) -> AbstractAsyncContextManager[Harness]:
    return recording(Harness, amqp_url, (ModelExported, ExportFailed), wait_s=WAIT_S)


def completed_run(
    store: S3Store, bucket: str, folder: Path, *, row: tuple[str, str, str] = BORDERS
) -> TrainingCompleted:
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
        best_checkpoint=_reference(store.put_file(run + "checkpoints/best.pt", _checkpoint(folder / "best.pt", row))),
        metrics={"box_AP50": 0.5},
        dataset_id="cards",
        dataset_version="1",
        dataset_uri=root,
        category=row[0],
        option=row[1],
        architecture=row[2],
        dataset_index=_reference(store.put(run + "index.json", index_to_json(index).encode())),
        split=_reference(store.put(run + "split.json", split_to_json(split_dataset(index, seed=0)).encode())),
    )


def _checkpoint(path: Path, row: tuple[str, str, str]) -> Path:
    # Imported late: half of these tests need no torch.
    import torch
    from truscore.recipes import recipe_to_json, resolve
    from truscore.zoo import build_model

    overrides = {"image_size": 64, "architecture_config": {"base_architecture": BASES[row]}}
    recipe = resolve(*row, overrides)
    torch.manual_seed(3)
    names = CLASS_NAMES[OPTION]
    model = build_model(recipe, len(names))
    torch.save({"model": model.state_dict(), "recipe": recipe_to_json(recipe), "class_names": list(names)}, path)
    return path


def _reference(stored: Stored) -> ObjectRef:
    return ObjectRef(uri=stored.uri, sha256=stored.sha256, size_bytes=stored.size_bytes)


def keep_end(store: S3Store, bucket: str, completed: TrainingCompleted) -> None:
    """What a trainer leaves in the store when a run has completed."""
    body = b64encode(completed.SerializeToString(deterministic=True)).decode()
    event = {"type": TrainingCompleted.DESCRIPTOR.full_name, "sequence": "0", "time": "", "body": body}
    end = json.dumps({"outcome": "completed", "event": event}).encode()
    store.put(f"s3://{bucket}/runs/{completed.run_id}/end.json", end)


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
