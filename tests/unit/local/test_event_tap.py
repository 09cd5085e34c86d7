"""The next event of an order, among all others."""

import asyncio
from datetime import UTC, datetime

import pytest

from deploy.local.progress.event_tap import NoEvent, TappedEvent, next_event

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def tapped(name: str) -> TappedEvent:
    return TappedEvent(name=name, subject="", published_at=NOW, received_at=NOW, fields={})


def of_order(event: TappedEvent) -> bool:
    return event.name == "EpochCompleted"


async def test_the_next_event_of_the_order_is_found_behind_others() -> None:
    events: asyncio.Queue[TappedEvent] = asyncio.Queue()
    for name in ("HardwareSampled", "EpochCompleted", "ModelExported"):
        events.put_nowait(tapped(name))
    assert (await next_event(events, of_order, timeout_s=60)).name == "EpochCompleted"
    assert events.qsize() == 1


async def test_an_order_that_says_nothing_is_noticed_while_others_go_on() -> None:
    events: asyncio.Queue[TappedEvent] = asyncio.Queue(1)

    async def report_hardware() -> None:
        while True:
            await events.put(tapped("HardwareSampled"))
            await asyncio.sleep(0)

    reporting = asyncio.ensure_future(report_hardware())
    try:
        with pytest.raises(NoEvent, match=r"no event of the order for 0\.1 s"):
            async with asyncio.timeout(60):
                await next_event(events, of_order, timeout_s=0.1)
    finally:
        reporting.cancel()
