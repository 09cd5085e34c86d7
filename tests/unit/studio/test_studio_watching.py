"""One watch for all who look at a run: it begins with the first, ends with the last, and goes on after a fault."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from services.studio.watching.hub import Hub


class Source:
    """A monitor that gives what it is fed, to whoever watches."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended = asyncio.Event()
        self.views: asyncio.Queue[dict[str, Any] | Exception] = asyncio.Queue()

    async def watch(self, run_id: str) -> AsyncIterator[dict[str, Any]]:
        self.begun.append(run_id)
        try:
            while True:
                view = await self.views.get()
                if isinstance(view, Exception):
                    raise view
                yield view
        finally:
            self.ended.set()


async def test_fifty_who_watch_one_run_are_one_watch_at_the_monitor() -> None:
    source = Source()
    hub = Hub(source.watch)
    seats = [hub.seat("run-1") for _ in range(50)]
    queues = [await seat.__aenter__() for seat in seats]
    source.views.put_nowait({"run_id": "run-1", "step": 1})
    assert [(await queue.get())["step"] for queue in queues] == [1] * 50
    assert source.begun == ["run-1"]
    for seat in seats:
        await seat.__aexit__(None, None, None)
    await source.ended.wait()
    assert hub.watched == 0


async def test_who_comes_later_sees_the_latest_at_once_and_who_is_slow_only_that() -> None:
    source = Source()
    hub = Hub(source.watch)
    async with hub.seat("run-1") as slow, hub.seat("run-1") as quick:
        for step in (1, 2, 3):
            source.views.put_nowait({"step": step})
            assert (await quick.get())["step"] == step
        assert (await slow.get())["step"] == 3
        async with hub.seat("run-1") as late:
            assert (await late.get())["step"] == 3


async def test_a_monitor_that_goes_away_is_named_and_queried_again() -> None:
    source = Source()
    hub = Hub(source.watch, again_s=0)
    async with hub.seat("run-1") as seat:
        source.views.put_nowait(ConnectionError("away"))
        assert (await seat.get())["error"] == "away"
        source.views.put_nowait({"step": 4})
        assert (await seat.get())["step"] == 4
    assert source.begun == ["run-1", "run-1"]
