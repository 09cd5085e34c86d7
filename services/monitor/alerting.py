"""Looks at the rules every few seconds and says what changed, once the log has been read to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from truscore.bus import BusError

from services.monitor.alerts import AlertState, Measured, Watchdog
from services.monitor.board import Board
from services.monitor.facts import Cleared, Raised

log = logging.getLogger(__name__)

PublishAlert = Callable[[Raised | Cleared, float], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Alerting:
    """The rules, what they look at, and whom they tell."""

    board: Board
    watchdog: Watchdog
    publish_alert: PublishAlert
    clock: Callable[[], float]
    every_s: float
    more: Callable[[float], Iterable[Mapping[str, Measured]]] = lambda _now: ()

    async def look(self) -> None:
        """One look. What can't be published now is published at the next look, if it still holds."""
        runs, hosts, alerts = self.board.runs.values(), self.board.hosts.values(), self.board.alerts
        now = self.clock()
        for alert in self.watchdog.look(
            runs, hosts, alerts, now, unknown_events=self.board.unknown_events.values(), more=self.more(now)
        ):
            before = alerts.get(alert.alert_id, AlertState()).since
            try:
                await self.publish_alert(alert, before)
            except BusError as error:
                log.warning("alert %s about %s not published: %s", alert.rule, alert.subject, error)
                return
            # Not waiting for the log to bring it back: the next look may come first.
            self.board.apply(alert, self.clock())

    @asynccontextmanager
    async def going_on(self, caught_up: asyncio.Event) -> AsyncIterator[None]:
        """Look again and again while inside."""
        looking = asyncio.create_task(self._look_always(caught_up), name="alerting")
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def _look_always(self, caught_up: asyncio.Event) -> None:
        # Conditions of the past are not worth an alert, and half the log would show conditions that never were.
        await caught_up.wait()
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("the alert rules could not be looked at; trying again in %g s", self.every_s)
            await asyncio.sleep(self.every_s)
