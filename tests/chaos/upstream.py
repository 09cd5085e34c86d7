"""Systems that order: each publishes at its own pace, until the broker has confirmed, and heeds answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from google.protobuf.message import Message
from truscore.bus import BusError, publisher
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.events.v1.model_pb2 import ExportFailed, ExportOrdered
from truscore.events.v1.order_pb2 import OrderAttached
from truscore.events.v1.training_pb2 import TrainingFailed

from tests.chaos.verdict import DISK_FULL, LoggedEvent
from tests.connected.trainer.trainer_harness import small_training

EPOCHS = 3
CONFIRMED_WITHIN_S = 300
AGAIN_AFTER_S = 12.0  # longer than a disk is full


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """Each of the ``upstreams`` systems orders ``datasets`` times over ``over_s`` seconds, in turn ``versions``
    datasets of its own. Every ``trained_every``-th order is one of a run, the others ask for a verdict."""

    upstreams: int
    datasets: int
    versions: int
    trained_every: int
    over_s: float


class EventLog(Protocol):
    events: list[LoggedEvent]
    news: asyncio.Event


@dataclass(slots=True)
class Orders:
    """All orders: what was published, as event id and when, in seconds since 1970."""

    bus: Any
    load: Load
    uri: str
    runs: dict[str, float] = field(default_factory=dict)
    validated: dict[str, float] = field(default_factory=dict)
    again: int = 0
    _orders: dict[str, DatasetReady] = field(default_factory=dict)  # of runs, by event id

    async def publish_all(self) -> None:
        async with asyncio.TaskGroup() as systems:
            for upstream in range(1, self.load.upstreams + 1):
                systems.create_task(self._publish_of(upstream))

    async def _publish_of(self, upstream: int) -> None:
        load, began = self.load, time.monotonic()
        for number in range(load.datasets):
            # Spread evenly over all systems.
            due_s = (number + upstream / load.upstreams) * load.over_s / load.datasets
            await asyncio.sleep(max(0.0, began + due_s - time.monotonic()))
            trains = (number * load.upstreams + upstream - 1) % load.trained_every == 0
            await self._publish(self._order(upstream, number, trains=trains), f"{upstream}-{number}")
        # Faults go on to the end of the time.
        await asyncio.sleep(max(0.0, began + load.over_s - time.monotonic()))

    def _order(self, upstream: int, number: int, *, trains: bool) -> DatasetReady:
        return DatasetReady(
            dataset_id=f"rig-{upstream}-{number % self.load.versions}", version="1", uri=self.uri, format="coco",
            category="border_detection", option="dual_class", request_id=f"{upstream}-{number}",
            training=small_training(epochs=EPOCHS) if trains else None, validation_only=not trains,
        )  # fmt: skip

    async def _publish(self, order: DatasetReady, sequence: str) -> None:
        at = time.time()
        event_id = await self._confirmed(order, f"{order.dataset_id}/{order.version}", sequence)
        if order.validation_only:
            self.validated[event_id] = at
        else:
            self.runs[event_id] = at
            self._orders[event_id] = order

    async def _confirmed(self, message: Message, subject: str, sequence: str) -> str:
        """As an upstream system does: again, under the same id, until the broker has confirmed it."""
        upstream = publisher(self.bus, service="upstream")
        async with asyncio.timeout(CONFIRMED_WITHIN_S):
            while True:
                try:
                    return str(await upstream.publish(message, subject=subject, sequence=sequence))
                except BusError:
                    await asyncio.sleep(0.5)

    async def answer_full_disks(self, log: EventLog) -> None:
        """Order again what was answered so, once there has to be room."""
        order_of: dict[str, str] = {}  # by run
        seen: set[str] = set()
        async with asyncio.TaskGroup() as waiting:
            async for event in _followed(log):
                message = event.message
                if event.event_id in seen:
                    continue
                seen.add(event.event_id)
                if isinstance(message, OrderAttached):
                    order_of[message.run_id] = message.order_event_id
                elif isinstance(message, TrainingFailed | ExportFailed) and message.code == DISK_FULL:
                    waiting.create_task(self._order_again(message, order_of.get(message.run_id, "")))

    async def _order_again(self, answer: TrainingFailed | ExportFailed, order_event_id: str) -> None:
        await asyncio.sleep(AGAIN_AFTER_S)
        self.again += 1
        if isinstance(answer, ExportFailed):
            ordered = ExportOrdered(run_id=answer.run_id, formats=["onnx"], request_id=f"again-{self.again}")
            await self._confirmed(ordered, answer.run_id, ordered.request_id)
        elif order := self._orders.get(order_event_id):
            again = DatasetReady()
            again.CopyFrom(order)
            again.request_id = f"{order.request_id} again-{self.again}"
            await self._publish(again, again.request_id)


async def _followed(log: EventLog) -> AsyncIterator[LoggedEvent]:
    place = 0
    while True:
        for event in _from(log, place):
            place += 1
            yield event
        await asyncio.sleep(0.5)


def _from(log: EventLog, place: int) -> Iterator[LoggedEvent]:
    yield from list(log.events[place:])
