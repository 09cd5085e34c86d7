"""Orders a training run and follows it to its end. Needs the .proto files, protobuf and aio-pika, nothing more.

    python first_client.py AMQP_URL s3://bucket/prefix/ DATASET_ID VERSION REQUEST_ID

Exit codes: 0 model exported, 1 rejected, failed or cancelled, 2 wrong arguments, 3 the order could not be placed
or not be followed to its end.
"""

import asyncio
import sys

import aio_pika
from aio_pika.abc import AbstractExchange, AbstractQueue
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity, DeliveryError
from google.protobuf import text_format
from google.protobuf.message import Message
from truscore.events.v1 import dataset_pb2, model_pb2, order_pb2, training_pb2

EXCHANGE = "truscore.events"
DEADLINE_S = 3600
CONFIRM_S = 30
PREFETCH = 100
EVENTS: dict[str, type[Message]] = {
    "dataset.validated": dataset_pb2.DatasetValidated,
    "dataset.rejected": dataset_pb2.DatasetRejected,
    "order.attached": order_pb2.OrderAttached,
    "training.started": training_pb2.TrainingStarted,
    "epoch.completed": training_pb2.EpochCompleted,
    "training.completed": training_pb2.TrainingCompleted,
    "training.failed": training_pb2.TrainingFailed,
    "training.cancelled": training_pb2.TrainingCancelled,
    "model.exported": model_pb2.ModelExported,
    "export.failed": model_pb2.ExportFailed,
}
EXIT_CODES = {
    "model.exported": 0,
    "dataset.rejected": 1,
    "training.failed": 1,
    "training.cancelled": 1,
    "export.failed": 1,
}


class NotPlaced(Exception):
    """The order did not reach anybody, or its end was not heard of."""


class Order:
    """What is ordered, and which events are about it."""

    def __init__(self, uri: str, dataset_id: str, version: str, request_id: str) -> None:
        ready = dataset_pb2.DatasetReady(dataset_id=dataset_id, version=version, uri=uri, request_id=request_id)
        ready.category, ready.option = "border_detection", "dual_class"
        ready.training.config.hyperparameters.training_process.epochs = 2
        self.ready, self.run_id = ready, ""
        self.event_id = f"first-client/{dataset_id}/{version}/{request_id}"  # the same again when repeated

    def concerns(self, event: Message) -> bool:
        """Whether an event names this order, or the run that OrderAttached gave it."""
        named = getattr(event, "order_event_id", "")
        if isinstance(event, order_pb2.OrderAttached) and named == self.event_id:
            self.run_id = event.run_id
        return named == self.event_id or (self.run_id != "" and getattr(event, "run_id", "") == self.run_id)


async def place(exchange: AbstractExchange, order: Order) -> None:
    """Publish persistent and mandatory, and wait for the broker's confirmation."""
    message = aio_pika.Message(
        order.ready.SerializeToString(),
        content_type="application/protobuf",
        type="truscore.events.v1.DatasetReady",
        message_id=order.event_id,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    try:
        await exchange.publish(message, "dataset.ready", mandatory=True, timeout=CONFIRM_S)
    except DeliveryError as error:
        raise NotPlaced(f"the order was returned: nothing listens for dataset.ready: {error}") from error


async def follow(queue: AbstractQueue, order: Order) -> int:
    """Print each event of the order until one ends it; the exit code."""
    seen: set[str] = set()
    async with asyncio.timeout(DEADLINE_S), queue.iterator() as deliveries:
        async for delivery in deliveries:
            async with delivery.process():
                routing_key = str(delivery.routing_key)
                event = EVENTS[routing_key].FromString(delivery.body)
            if order.concerns(event) and delivery.message_id not in seen:  # an event that is said again keeps its id
                seen.add(str(delivery.message_id))
                show_event(routing_key, event)
                if routing_key in EXIT_CODES:
                    return EXIT_CODES[routing_key]
    raise NotPlaced("the connection to the broker was lost")


def show_event(routing_key: str, event: Message) -> None:
    show(routing_key, text_format.MessageToString(event, as_one_line=True)[:160])
    if isinstance(event, dataset_pb2.DatasetRejected):
        for finding in event.findings:
            show(finding.rule, f"{finding.message} {finding.location}")
    if isinstance(event, model_pb2.ModelExported):
        for artifact in event.artifacts:
            show(artifact.format, f"{artifact.uri} sha256 {artifact.sha256}")


def show(name: str, line: str) -> None:
    sys.stdout.write(f"{name:18} {line}\n")
    sys.stdout.flush()


async def main(url: str, order: Order) -> int:
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await channel.set_qos(PREFETCH)
        try:
            exchange = await channel.get_exchange(EXCHANGE)
        except ChannelNotFoundEntity as error:
            raise NotPlaced(f"no service of TruScore has connected to this virtual host yet: {error}") from error
        queue = await channel.declare_queue(exclusive=True)
        for routing_key in EVENTS:
            await queue.bind(exchange, routing_key)
        await place(exchange, order)
        show("ordered", order.event_id)
        return await follow(queue, order)


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.stderr.write(f"usage: {sys.argv[0]} AMQP_URL s3://bucket/prefix/ DATASET_ID VERSION REQUEST_ID\n")
        sys.exit(2)
    try:
        code = asyncio.run(main(sys.argv[1], Order(*sys.argv[2:])))
    except (NotPlaced, AMQPError, TimeoutError, OSError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        code = 3
    sys.exit(code)
