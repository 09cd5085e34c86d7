"""Asks the ledger every few seconds whether it answers, and publishes an alert where it does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import uuid4

from truscore.bus import BusError, connect, publisher

from services.experiment_tracker.availability import Alert, Availability
from services.experiment_tracker.handlers import publish_alert
from services.experiment_tracker.ledger import Ledger, LedgerError

log = logging.getLogger(__name__)

Publish = Callable[[Alert], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Alerting:
    """What is watched, and how to publish what is due."""

    availability: Availability
    ledger: Ledger
    publish: Publish
    clock: Callable[[], float]
    every_s: float

    async def look(self) -> None:
        """One look. What can't be published now is published at the next look, if it is still due."""
        with suppress(LedgerError):  # noted by the ledger's observer
            await asyncio.to_thread(self.ledger.place)
        alert = self.availability.due(self.clock())
        if alert is None:
            return
        try:
            await self.publish(alert)
        except BusError as error:
            log.warning("alert about %s not published: %s", alert.subject, error)
            return
        self.availability.note_alert(alert.alert_id, raised=alert.raised, at=alert.at)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Look again and again while inside."""
        looking = asyncio.create_task(self._look_always(), name="alerting")
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def _look_always(self) -> None:
        while True:
            # At first the ledger is asked where to read on; two questions at once help nobody.
            await asyncio.sleep(self.every_s)
            try:
                await self.look()
            except Exception:
                log.exception("the ledger could not be looked at; again in %g s", self.every_s)


@asynccontextmanager
async def alert_publisher(amqp_url: str, service: str) -> AsyncIterator[Publish]:
    """Publishes over a connection of its own, made for the first alert: while the ledger fails at the start, the
    service has none yet."""
    bus = connect(amqp_url, service=service, instance=f"{uuid4().hex[:8]}-alerts")
    started = False

    async def publish(alert: Alert) -> None:
        nonlocal started
        if not started:
            await bus.start()
            started = True
        await publish_alert(publisher(bus, service=service), alert)

    try:
        yield publish
    finally:
        if started:
            await bus.stop()
