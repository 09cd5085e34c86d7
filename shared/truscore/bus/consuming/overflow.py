"""Dead letters that found their queue full: where they wait, and how they come there once there is room.

They wait in a queue of their own and not among the retries: what came back from there would stand before orders again
and again, for as long as the dead letters are full (decision 121).
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from aio_pika.abc import AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import DeliveryError, MessageProcessError
from faststream.rabbit import RabbitBroker

from truscore.bus.broker import AWAY, Bus, the_bus
from truscore.bus.consuming.delivery import copy_of
from truscore.bus.errors import BusError
from truscore.bus.publisher import publish
from truscore.bus.topology import DEAD_EXCHANGE, waiting_name

log = logging.getLogger("truscore.bus")

TIMEOUT_S: Final = 30.0


@dataclass(kw_only=True, slots=True)
class Overflow:
    """Of one service; each of its instances moves what there is room for. `is_full`: what comes now waits behind what
    this instance has put there, without asking the dead letters again."""

    bus: Bus
    service: str
    every_s: float
    is_full: bool = False

    async def begin(self) -> None:
        """Move letters until the bus stops: as many as there is room for, then again after `every_s`."""
        self.bus.spawn(self._move())

    async def _move(self) -> None:
        while True:
            await asyncio.sleep(self.every_s)
            try:
                channel = await self.bus.channel_of_its_own()
                try:
                    await self._move_all(await channel.get_queue(waiting_name(self.service), ensure=False))
                finally:
                    await channel.close()
            except (*AWAY, MessageProcessError, BusError) as error:
                log.warning("%s: not moved, it is tried again: %r", waiting_name(self.service), error)

    async def _move_all(self, queue: AbstractQueue) -> None:
        while (letter := await queue.get(fail=False, timeout=TIMEOUT_S)) is not None:
            if not await self._moved(letter):
                return
        self.is_full = False

    async def _moved(self, letter: AbstractIncomingMessage) -> bool:
        """False where the dead letters are still full: the letter is the next one again."""
        try:
            await publish(self.bus, DEAD_EXCHANGE, self.service, copy_of(letter, letter.headers), timeout_s=TIMEOUT_S)
        except DeliveryError:
            await letter.reject(requeue=True)
            return False
        await letter.ack()
        return True


def overflow_of(broker: RabbitBroker, service: str, *, every_s: float) -> Overflow:
    """The service's, made and begun once for each bus however many inboxes it has."""
    bus = the_bus(broker)
    found = bus.overflows.get(service)
    if not isinstance(found, Overflow):
        found = bus.overflows[service] = Overflow(bus=bus, service=service, every_s=every_s)
        bus.on_started(found.begin)
    return found
