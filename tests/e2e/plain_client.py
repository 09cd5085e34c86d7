"""A client as any team could write it: its own copy of the generated messages, plain aio-pika and minio.

`python plain_client.py GENERATED ARGUMENTS.json` uploads a dataset, orders it, waits for its model, downloads that,
compares its digest and says on stdout where it lies. It refuses to run where our own library could be imported.
"""

import asyncio
import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

PACKAGE = "truscore.events.v1"
ANSWERS = {
    "dataset.rejected": "dataset_pb2.DatasetRejected",
    "order.attached": "order_pb2.OrderAttached",
    "training.completed": "training_pb2.TrainingCompleted",
    "training.failed": "training_pb2.TrainingFailed",
    "model.exported": "model_pb2.ModelExported",
    "export.failed": "model_pb2.ExportFailed",
}
WAIT_S = 420
REPEATS = 100  # of the same order, as a client that is not sure of anything would send it

PublishedEvent = dict[str, Any]


def only_generated(folder: str) -> None:
    """Leave nothing of the repository importable but what protoc wrote."""
    repository = str(Path(__file__).resolve().parents[2])
    theirs = [path for path in sys.path if "site-packages" in path or not path.startswith(repository)]
    sys.path = [folder, *theirs]
    sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
    for name in ("truscore.bus", "truscore.storage", "services", "deploy"):
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            continue
        if found is not None:
            raise SystemExit(f"{name} can be imported from {found.origin}: this client is not plain")


def messages() -> dict[str, Any]:
    """Generated classes by routing key."""
    found = {}
    for key, place in {"dataset.ready": "dataset_pb2.DatasetReady", **ANSWERS}.items():
        module, _, name = place.partition(".")
        found[key] = getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)
    return found


def store(output: PublishedEvent) -> Any:
    from minio import Minio

    parts = urlparse(output["s3_endpoint"])
    return Minio(parts.netloc, access_key=output["s3_access_key"], secret_key=output["s3_secret_key"], secure=False)


def upload(output: PublishedEvent) -> str:
    client, folder = store(output), Path(output["dataset"])
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        client.fput_object(output["bucket"], f"incoming/plain-cards/{path.relative_to(folder).as_posix()}", str(path))
    return f"s3://{output['bucket']}/incoming/plain-cards/"


def download(output: PublishedEvent, uri: str, target: Path) -> str:
    parts = urlparse(uri)
    store(output).fget_object(parts.netloc, parts.path.lstrip("/"), str(target))
    return hashlib.sha256(target.read_bytes()).hexdigest()


async def order(output: PublishedEvent, uri: str, types: dict[str, Any]) -> dict[str, Any]:
    """Publishes DatasetReady, a hundred times over, and returns the answers by routing key, the last being the end.

    The order's event id is its AMQP message id: OrderAttached names it, and the run whose events are ours.
    """
    import aio_pika

    event_id = f"order of {output['dataset_id']}"

    connection = await aio_pika.connect(output["amqp_url"])
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.get_exchange("truscore.events")
        queue = await channel.declare_queue(exclusive=True)
        for key in ANSWERS:
            await queue.bind(exchange, key)
        ready = types["dataset.ready"](
            dataset_id=output["dataset_id"], version="1", uri=uri, category="border_detection", option="dual_class"
        )
        config = ready.training.config
        config.image_size = 96
        config.hyperparameters.training_process.epochs = 2
        config.hyperparameters.optimization.batch_size = 4
        config.architecture_config.base_architecture = "mask_rcnn_mobilenet_v3_small_fpn"
        for _ in range(REPEATS):
            body = aio_pika.Message(
                ready.SerializeToString(), message_id=event_id, delivery_mode=aio_pika.DeliveryMode.PERSISTENT
            )
            await exchange.publish(body, "dataset.ready", mandatory=True)
        received: dict[str, Any] = {}
        async with asyncio.timeout(WAIT_S), queue.iterator() as deliveries:
            async for delivery in deliveries:
                async with delivery.process():
                    event = types[delivery.routing_key or ""].FromString(delivery.body)
                    if not is_ours(event, event_id, received):
                        continue
                    received[delivery.routing_key or ""] = event
                    if delivery.routing_key not in {"order.attached", "training.completed"}:
                        return received
    return received


def is_ours(event: Any, event_id: str, received: dict[str, Any]) -> bool:
    """Whether the event answers our order: by its id, or by the run that the order was attached to."""
    attached = received.get("order.attached")
    if named := getattr(event, "order_event_id", ""):
        return bool(named == event_id)
    return attached is not None and bool(event.run_id == attached.run_id)


def main() -> None:
    only_generated(sys.argv[1])
    output = json.loads(Path(sys.argv[2]).read_text())
    received = asyncio.run(order(output, upload(output), messages()))
    exported = received.get("model.exported")
    if exported is None:
        raise SystemExit(f"no model: {received}")
    (artifact,) = exported.artifacts
    model, checkpoint = Path(output["out"]) / "model.onnx", Path(output["out"]) / "best.pt"
    digest = download(output, artifact.uri, model)
    best = received["training.completed"].best_checkpoint
    if digest != artifact.sha256 or model.stat().st_size != artifact.size_bytes:
        raise SystemExit(f"{artifact.uri} has sha256 {digest}, said was {artifact.sha256}")
    if download(output, best.uri, checkpoint) != best.sha256:
        raise SystemExit(f"{best.uri} is not what was said of it")
    answer = {
        "run_id": exported.run_id,
        "model_id": exported.model_id,
        "parity": artifact.parity.passed,
        "class_names": list(artifact.signature.class_names),
        "inputs": [tensor.name for tensor in artifact.signature.inputs],
        "package_uri": exported.package_uri,
        "package_sha256": exported.package_sha256,
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
