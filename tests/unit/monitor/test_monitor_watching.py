"""Watching an entry of the board."""

from __future__ import annotations

import asyncio

import pytest

from services.monitor.board import Board, Entry, stage_of_entry
from services.monitor.stage import Stage
from services.monitor.subscriptions import BoardChanges, TooManyWatchers, changes
from tests.unit.monitor import event_sequences
from tests.unit.monitor.event_sequences import RUN, PublishedEvent, board_after


class Newsroom:
    def __init__(self) -> None:
        self.board = Board()
        self.board_changes = BoardChanges(most=2)

    def apply(self, *events: PublishedEvent) -> None:
        board_after(events, self.board)
        self.board_changes.changed()

    async def watch(self, reference: str, *, interval_s: float = 0, unknown_s: float = 5) -> list[Stage | None]:
        find = lambda: self.board.find(reference)  # noqa: E731
        seen = changes(find, self.board_changes, interval_s=interval_s, unknown_s=unknown_s)
        return [self.stage(entry) async for entry in seen]

    @staticmethod
    def stage(entry: Entry | None) -> Stage | None:
        return stage_of_entry(entry) if entry else None


async def test_the_first_answer_comes_at_once_and_the_last_when_the_run_has_ended() -> None:
    news = Newsroom()
    news.apply(event_sequences.started())
    watching = asyncio.create_task(news.watch(RUN))
    await asyncio.sleep(0)
    for event in (event_sequences.completed(), event_sequences.exported()):
        news.apply(event)
        for _ in range(5):
            await asyncio.sleep(0)
    assert await watching == [Stage.TRAINING, Stage.EXPORTING, Stage.EXPORTED]


@pytest.mark.parametrize("known", [True, False])
async def test_an_alert_that_comes_while_the_first_answer_is_sent_is_told(known: bool) -> None:
    """Alerts are no part of the entry: nothing else says that there is one."""
    news, alerts = Newsroom(), 0
    if known:
        news.apply(event_sequences.started())
    told = changes(lambda: news.board.find(RUN), news.board_changes, interval_s=0, unknown_s=5, version=lambda: alerts)
    first = await anext(told)
    if not known:
        news.apply(event_sequences.started())
        first = await anext(told)
    alerts += 1
    news.board_changes.changed()
    assert await asyncio.wait_for(anext(told), 5) is first


async def test_a_run_that_has_ended_is_answered_once() -> None:
    news = Newsroom()
    news.apply(*event_sequences.whole_run())
    assert await news.watch(RUN) == [Stage.EXPORTED]


async def test_a_run_that_is_not_known_yet_is_waited_for() -> None:
    news = Newsroom()
    watching = asyncio.create_task(news.watch(RUN))
    await asyncio.sleep(0)
    news.apply(*event_sequences.whole_run())
    assert await watching == [None, Stage.EXPORTED]


async def test_a_run_that_never_comes_is_given_up() -> None:
    with pytest.raises(TimeoutError):
        await Newsroom().watch(RUN, unknown_s=0.01)


async def test_changes_within_one_interval_are_reported_as_one() -> None:
    news = Newsroom()
    news.apply(event_sequences.started())
    watching = asyncio.create_task(news.watch(RUN, interval_s=0.05))
    await asyncio.sleep(0)
    for step in range(200):
        news.apply(event_sequences.progressed(step))
    news.apply(event_sequences.completed(), event_sequences.exported())
    assert await watching == [Stage.TRAINING, Stage.EXPORTED]


async def test_an_order_is_watched_on_into_the_run_it_becomes() -> None:
    news = Newsroom()
    news.apply(event_sequences.ready())
    (order,) = news.board.orders
    watching = asyncio.create_task(news.watch(order))
    await asyncio.sleep(0)
    news.apply(event_sequences.validated(), event_sequences.started())
    for _ in range(5):
        await asyncio.sleep(0)
    news.apply(event_sequences.completed(), event_sequences.exported())
    assert await watching == [Stage.VALIDATING, Stage.TRAINING, Stage.EXPORTED]


async def test_news_of_another_run_is_no_news() -> None:
    news = Newsroom()
    news.apply(event_sequences.started())
    watching = asyncio.create_task(news.watch(RUN))
    await asyncio.sleep(0)
    for step in range(5):
        news.apply(event_sequences.started(step, run_id="run-other", trace="c" * 32))
        await asyncio.sleep(0)
    news.apply(event_sequences.failed())
    assert await watching == [Stage.TRAINING, Stage.FAILED]


def test_no_more_than_so_many_may_watch_and_a_seat_is_free_again_after() -> None:
    board_changes = BoardChanges(most=1)
    with board_changes.seat(), pytest.raises(TooManyWatchers, match="at most 1"), board_changes.seat():
        pass
    with board_changes.seat():
        assert board_changes.watchers == 1
    assert board_changes.watchers == 0
