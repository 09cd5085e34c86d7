"""From events about alerts to the sinks: each once, none of the past, none that is silenced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from services.monitor.alerts import AlertState
from services.monitor.facts import Acknowledged, AlertFact, Cleared, Raised
from services.monitor.notifications.channel import Channel
from services.monitor.notifications.configuration import Silence
from services.monitor.notifications.messages import Change

MAX_REMEMBERED = 10_000
MAX_HELD = 1000


class Notifier:
    """Notes what the log says of alerts. What changed before `since` is of an earlier process, and not sent again."""

    def __init__(
        self, channels: Sequence[Channel], silences: Sequence[Silence], *, clock: Callable[[], float], since: float
    ) -> None:
        self._channels = channels
        self._silences = silences
        self._clock = clock
        self._since = since
        self._sent: dict[str, None] = {}
        self._held: dict[str, Change] = {}
        self._silenced_until: dict[str, float] = {}

    def note(self, fact: AlertFact, event_id: str, alerts: Mapping[str, AlertState]) -> None:
        """Send it, or hold it back while it is silenced."""
        if isinstance(fact, Acknowledged):
            self._silence(fact)
            return
        at = fact.raised_at if isinstance(fact, Raised) else fact.cleared_at
        if at < self._since or event_id in self._sent:
            return
        self._sent[event_id] = None
        if len(self._sent) > MAX_REMEMBERED:
            del self._sent[next(iter(self._sent))]
        change = _change(fact, event_id, at, alerts.get(fact.alert_id))
        self._held.pop(fact.alert_id, None)
        if not self._silenced(change):
            self._put(change)
        elif isinstance(fact, Raised) and len(self._held) < MAX_HELD:
            self._held[fact.alert_id] = change

    def _silence(self, fact: Acknowledged) -> None:
        """Also of the past: a silence that somebody asked for outlives a restart."""
        now = self._clock()
        self._silenced_until = {alert: until for alert, until in self._silenced_until.items() if until > now}
        if fact.silenced_until > now and len(self._silenced_until) < MAX_REMEMBERED:
            self._silenced_until[fact.alert_id] = fact.silenced_until
        elif fact.silenced_until <= now:
            self._silenced_until.pop(fact.alert_id, None)

    def release(self) -> None:
        """Send what still stands though its silence is over."""
        for alert_id, change in list(self._held.items()):
            if not self._silenced(change):
                del self._held[alert_id]
                self._put(change)

    @asynccontextmanager
    async def going_on(self, every_s: float) -> AsyncIterator[None]:
        """Send while inside; what is still queued at the end is not sent."""
        tasks = [asyncio.create_task(channel.send_always(), name=channel.sink.name) for channel in self._channels]
        tasks.append(asyncio.create_task(self._release_always(every_s), name="silences"))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    async def _release_always(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            self.release()

    def _silenced(self, change: Change) -> bool:
        now = self._clock()
        if self._silenced_until.get(change.alert_id, 0) > now:
            return True
        return any(silence.covers(change.rule, change.subject, now) for silence in self._silences)

    def _put(self, change: Change) -> None:
        for channel in self._channels:
            channel.put(change)


def _change(fact: Raised | Cleared, event_id: str, at: float, standing: AlertState | None) -> Change:
    raised = fact if isinstance(fact, Raised) else standing.raised if standing else None
    return Change(
        event_id=event_id,
        state="raised" if isinstance(fact, Raised) else "cleared",
        alert_id=fact.alert_id,
        rule=fact.rule,
        severity=raised.severity if raised else "critical",
        subject=fact.subject,
        message=raised.message if raised else "",
        at=at,
    )
