"""The way to one sink: a bounded queue, what comes together as one message, retries with growing delays."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Thread

from prometheus_client import Counter

from services.monitor.notifications.configuration import Configuration, Sink
from services.monitor.notifications.delivery import Deliver, Undelivered, delivery
from services.monitor.notifications.messages import Change, Group

MAX_QUEUED = 1000
# "sent", "failed" (tried again), "given_up", and "dropped", which counts alerts that no longer fitted a queue.
NOTIFICATIONS = Counter("truscore_monitor_notifications", "Notifications by what became of them", ["sink", "outcome"])

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How often and how long is tried. Times in seconds."""

    attempt_s: float = 30.0
    first_delay_s: float = 2.0
    longest_delay_s: float = 300.0
    attempts: int = 20  # with the delays above about an hour and a quarter

    def delays(self) -> Iterator[float]:
        for attempt in range(self.attempts - 1):
            yield min(self.first_delay_s * 2**attempt, self.longest_delay_s)


class Channel:
    """Takes changes at once and sends them in its own time, each in a thread: a sink that hangs holds up nobody."""

    def __init__(self, sink: Sink, deliver: Deliver, patience: Patience = Patience()) -> None:
        self.sink = sink
        self._deliver = deliver
        self._patience = patience
        self._queue: deque[Change] = deque()
        self._dropped = 0
        self._arrived = asyncio.Event()
        self._busy = False

    def put(self, change: Change) -> None:
        """Queue a change; where the queue is full the oldest is dropped, and counted."""
        if self.sink.least_severity == "critical" and change.severity != "critical":
            return
        if len(self._queue) == MAX_QUEUED:
            self._queue.popleft()
            self._dropped += 1
            self._count("dropped")
        self._queue.append(change)
        self._arrived.set()

    async def send_always(self) -> None:
        """Send what is queued, until cancelled."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(self.sink.group_s)
            self._arrived.clear()
            group, self._dropped = Group(changes=tuple(self._queue), dropped=self._dropped), 0
            self._queue.clear()
            try:
                await self._send(group)
            except Exception:
                log.exception("sink %s: %d alerts not sent", self.sink.name, len(group.changes))
            await asyncio.sleep(self.sink.interval_s)

    async def _send(self, group: Group) -> None:
        for delay_s in [*self._patience.delays(), None]:
            try:
                await self._attempt(group)
                self._count("sent")
                return
            except Undelivered as error:
                if delay_s is None or not error.temporary:
                    self._count("given_up")
                    what = "sink %s: %d alerts not sent, given up: %s"
                    log.error(what, self.sink.name, len(group.changes), error)  # noqa: TRY400  its text is enough
                    return
                wait_s = max(delay_s, min(error.after_s, self._patience.longest_delay_s))
                self._count("failed")
                log.warning("sink %s: not sent, again in %g s: %s", self.sink.name, wait_s, error)
            await asyncio.sleep(wait_s)

    def _count(self, outcome: str) -> None:
        NOTIFICATIONS.labels(sink=self.sink.name, outcome=outcome).inc()

    async def _attempt(self, group: Group) -> None:
        """In a daemon thread, which ends with the process: the waits of sockets bound each read, not the whole."""
        if self._busy:
            raise Undelivered("the attempt before is still hanging")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def settle(error: Exception | None) -> None:
            self._busy = False
            if not done.done():
                done.set_exception(error) if error else done.set_result(None)

        def work() -> None:
            error: Exception | None = None
            try:
                self._deliver(group)
            except Exception as caught:  # noqa: BLE001  handed to who waits
                error = caught
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, error)

        self._busy = True
        Thread(target=work, name=f"sink-{self.sink.name}", daemon=True).start()
        try:
            # Not wait_for, which may lose a cancellation before Python 3.12.
            async with asyncio.timeout(self._patience.attempt_s):
                await done
        except TimeoutError:
            raise Undelivered(f"no answer within {self._patience.attempt_s:g} s") from None


def channels(configuration: Configuration) -> list[Channel]:
    """One for each sink."""
    return [Channel(sink, delivery(sink)) for sink in configuration.sink]
