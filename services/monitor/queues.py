"""What the lengths of queues say: dead letters, inboxes that nobody consumes, that grow, or that stand still."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from truscore.bus import BusError
from truscore.bus.queue_counts import QueueCount, Watched

from services.monitor.alerts import Measured

WINDOW_S = 3600.0
LEAST_S = 600.0
# The lowest of as long at the end stands over the highest of as long at the beginning: a burst alone is no growth.
EDGE_S = 300.0
SPACING_S = 30.0
# Counts older than this say nothing: the broker did not answer meanwhile.
STALE_S = 300.0

log = logging.getLogger(__name__)

Count = Callable[[], Awaitable[Mapping[str, QueueCount]]]


class QueueTrends:
    """Remembers how long each queue was in the last hour, a value in half a minute."""

    def __init__(self, watched: Sequence[Watched]) -> None:
        self._watched = watched
        self._counts: Mapping[str, QueueCount] = {}
        self._counted_at = 0.0
        self._seen: dict[str, deque[tuple[float, int]]] = {}
        self._moved_at: dict[str, float] = {}

    def note(self, counts: Mapping[str, QueueCount], now: float) -> None:
        for queue in self._watched:
            if (count := counts.get(queue.name)) is not None:
                self._note(queue.name, count.messages, now)
        self._counts, self._counted_at = counts, now

    def _note(self, name: str, messages: int, now: float) -> None:
        seen = self._seen.setdefault(name, deque())
        before = self._counts.get(name)
        if before is None or messages == 0 or messages < before.messages:
            self._moved_at[name] = now
        while seen and now - seen[0][0] > WINDOW_S:
            seen.popleft()
        if not seen or now - seen[-1][0] >= SPACING_S:
            seen.append((now, messages))

    def measured(self, now: float) -> Iterator[Mapping[str, Measured]]:
        """Measures of each queue by name; none where the counts are too old."""
        if now - self._counted_at > STALE_S:
            return
        for queue in self._watched:
            if (count := self._counts.get(queue.name)) is not None:
                found = self._of_dead(count) if queue.is_dead else self._of_inbox(queue, count, now)
                yield {name: Measured(subject=queue.name, value=value, text=text) for name, (value, text) in found}

    def _of_dead(self, count: QueueCount) -> Iterator[tuple[str, tuple[float, str]]]:
        yield "dead_letters", (count.messages, f"{count.messages} messages were given up on")

    def _of_inbox(self, queue: Watched, count: QueueCount, now: float) -> Iterator[tuple[str, tuple[float, str]]]:
        waiting = f"{count.messages} messages wait"
        yield "unconsumed_messages", (0 if count.consumers else count.messages, f"{waiting} and nobody consumes them")
        growth = _growth(self._seen[queue.name], now)
        yield "queue_growth", (growth, f"{waiting}, {growth} more than within the last hour")
        # A trainer holds its order for as long as it trains: what waits behind it stands still and nothing is wrong.
        if not queue.is_lease:
            still_s = now - self._moved_at[queue.name] if count.messages and count.consumers else 0.0
            yield (
                "queue_still_s",
                (still_s, f"{waiting}, for {still_s:.0f} s none was taken, and somebody consumes"),
            )


def _growth(seen: Sequence[tuple[float, int]], now: float) -> int:
    if not seen or now - seen[0][0] < LEAST_S:
        return 0
    began = seen[0][0]
    early = max(messages for at, messages in seen if at - began <= EDGE_S)
    lately = min((messages for at, messages in seen if now - at <= EDGE_S), default=0)
    return max(0, lately - early)


@asynccontextmanager
async def counting(
    trends: QueueTrends, count: Count, clock: Callable[[], float], every_s: float
) -> AsyncIterator[None]:
    """Count again and again while inside."""

    async def count_always() -> None:
        while True:
            try:
                trends.note(await count(), clock())
            except BusError as error:
                log.warning("%s", error)
            await asyncio.sleep(every_s)

    task = asyncio.create_task(count_always(), name="queues")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
