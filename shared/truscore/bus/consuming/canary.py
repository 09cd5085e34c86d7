"""Is this process consuming? A beat goes through the broker and back; a ping would only prove a socket."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import MessageProcessError
from faststream.rabbit import RabbitBroker

from truscore.bus import topology
from truscore.bus.broker import AWAY, Bus, the_bus
from truscore.bus.consuming.consumer import subscribe
from truscore.bus.declarations import Queue
from truscore.bus.errors import BusError
from truscore.bus.publisher import publish

log = logging.getLogger("truscore.bus")

BEAT_EVERY_S: Final = 5.0
BEAT_TIMEOUT_S: Final = 5.0
BEAT_EXPIRES: Final = timedelta(seconds=30)


def canary(
    broker: RabbitBroker,
    *,
    service: str,
    instance: str | None = None,
    every_s: float = BEAT_EVERY_S,
    clock: Callable[[], float] = time.monotonic,
) -> "Canary":
    """A canary that sings from the bus's start on."""
    bus = the_bus(broker)
    name = f"canary.{service}.{instance or bus.instance}"
    # By an exchange of ours: who may write to the default one may write to every queue.
    queue = Queue(name=name, arguments=topology.passing_arguments(), exchange=topology.DEAD_EXCHANGE, routing_key=name)
    bird = Canary(bus=bus, queue=queue.name, every_s=every_s, clock=clock)
    subscribe(bus, queue, bird.receive, prefetch=8)
    bus.on_started(bird.begin)
    return bird


@dataclass(kw_only=True, slots=True)
class Canary:
    """Remembers when the last beat came back."""

    bus: Bus
    queue: str
    every_s: float
    clock: Callable[[], float]
    consumed_at: float | None = None

    def alive(self, within_s: float = 30) -> bool:
        """Whether a beat came back within the last `within_s` seconds while every queue was being consumed."""
        return self.consumed_at is not None and self.clock() - self.consumed_at <= within_s

    async def begin(self) -> None:
        """Beat until the bus stops."""
        self.bus.spawn(self._beat())

    async def receive(self, message: AbstractIncomingMessage) -> None:
        """A beat came back."""
        self.consumed_at = self.clock()
        try:
            await message.ack()
        except (*AWAY, MessageProcessError) as error:
            log.debug("a beat comes again: %r", error)

    async def _beat(self) -> None:
        while True:
            try:
                await self.sing()
            except (*AWAY, BusError) as error:
                log.warning("no beat through %s: %r", self.bus.safe_url, error)
            await asyncio.sleep(self.every_s)

    async def sing(self) -> None:
        """Send one beat, where every queue is being consumed."""
        async with asyncio.timeout(BEAT_TIMEOUT_S):
            if silent := await self.bus.deaf():
                # No beat: whoever asks learns within the bound that this process receives only in part.
                log.warning("not consuming %s", ", ".join(silent))
                return
            beat = aio_pika.Message(b"beat", expiration=BEAT_EXPIRES)
            await publish(self.bus, topology.DEAD_EXCHANGE, self.queue, beat, timeout_s=BEAT_TIMEOUT_S)
