"""A monitor that replays the log ends up with the board of one that watched it live, whatever happens meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aio_pika
from truscore.bus import EXCHANGE, Bus, LogReader, OutgoingEvent, connect, publisher, replay_log
from truscore.bus.codec import MAX_BODY_BYTES
from truscore.events.v1.control_pb2 import RunCancel
from truscore.events.v1.dataset_pb2 import DatasetRejected, Finding
from truscore.events.v1.training_pb2 import EpochCompleted, TrainingProgressed, TrainingStarted

from services.monitor.board import Board
from services.monitor.handlers import EventConsumer
from tests.connected.cut_off import CutOff
from tests.unit.monitor.test_monitor_snapshots import text_of

WAIT_S = 60
RUNS, STEPS = 5, 400


async def ignore(*_: object) -> None:
    """No audit record here."""


class Watching:
    """A monitor's board on the log, and the offsets of what it was given."""

    def __init__(self, bus: Bus, at: Mapping[int, Callable[[], None]]) -> None:
        self.board = Board()
        self._at = at  # what happens once so many events were folded
        self.begun = asyncio.Event()  # nothing is folded before it
        self.offsets: list[int] = []
        self._news = asyncio.Condition()
        self._consumer = EventConsumer(self.board, lambda: None, lambda _: None, ignore, lambda *_: None)
        self.reader: LogReader = replay_log(bus, self._fold, service="monitor", on_stray=self._consumer.stray)

    async def _fold(self, *event: Any) -> None:
        await self.begun.wait()
        await self._consumer(*event)
        async with self._news:
            self.offsets.append(event[2])
            if happens := self._at.get(len(self.offsets)):
                happens()
            self._news.notify_all()

    async def folded(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: len(self.offsets) >= count)

    async def caught_up(self) -> None:
        async with asyncio.timeout(WAIT_S):
            await self.reader.caught_up.wait()


@asynccontextmanager
async def watching(amqp_url: str, at: Mapping[int, Callable[[], None]] = {}) -> AsyncIterator[Watching]:
    bus = connect(amqp_url, service="monitor")
    watched = Watching(bus, at)
    await bus.start()
    watched.begun.set()
    try:
        yield watched
    finally:
        await bus.stop()


def reports(first: int, last: int) -> list[OutgoingEvent]:
    """Of several runs in turn, some of them values that are extremes, not numbers, or reported twice."""
    said: list[OutgoingEvent] = []
    for step in range(first, last + 1):
        for number in range(RUNS):
            name = f"run-{number}"
            event = TrainingProgressed(
                run_id=name, attempt=1 + step // 300, step=step, total_steps=STEPS, epoch=step // 50 + 1,
                loss=float("nan") if step % 97 == 0 else 1 / (1 + step * 31 % 71), learning_rate=1e-3,
            )  # fmt: skip
            event.loss_parts.update({"box": 0.1 * (step % 7), "mask": 0.5})
            said.append(OutgoingEvent(event=event, subject=name, sequence=step))
            if step % 50 == 0:
                epoch = EpochCompleted(run_id=name, attempt=1, epoch=step // 50, val_loss=1 / step)
                said.append(OutgoingEvent(event=epoch, subject=name, sequence=f"e{step}"))
    return said


async def publish_whole(amqp_url: str) -> int:
    """Runs, junk between them, and an event of many frames. Gives how many of them are events."""
    starts = [TrainingStarted(run_id=f"run-{number}", attempt=1, total_epochs=8) for number in range(RUNS)]
    finding = Finding(rule="image.unreadable", message="x" * (MAX_BODY_BYTES // 2))
    large = DatasetRejected(dataset_id="cards", version="1", findings=[finding])
    said = [
        *(OutgoingEvent(event=event, subject=event.run_id) for event in starts), *reports(1, STEPS // 2),
        OutgoingEvent(event=large, subject="cards/1"),
    ]  # fmt: skip
    rest = reports(STEPS // 2 + 1, STEPS)
    bus = connect(amqp_url, service="trainer", instance="publisher")
    await bus.start()
    try:
        outgoing = publisher(bus, service="trainer", deadline_s=WAIT_S)
        await outgoing.publish_many(said)
        async with await aio_pika.connect(amqp_url) as connection:
            exchange = await (await connection.channel()).get_exchange(EXCHANGE)
            for key, body in (("run.cancel", b"\xff\xff"), ("dataset.redy", RunCancel(run_id="r").SerializeToString())):
                await exchange.publish(aio_pika.Message(body, delivery_mode=2), key)
        await outgoing.publish_many(rest)
    finally:
        await bus.stop()
    return len(said) + len(rest)


def known(board: Board) -> Any:
    """All but the moments of strays, which are those of their arrival for who watches."""
    board.unknown_events = {
        key: type(stray)(routing_key=key, reason=stray.reason, at=0) for key, stray in board.unknown_events.items()
    }
    return text_of(board)


async def test_a_monitor_that_replays_has_the_board_of_one_that_watched_live_and_goes_on_watching(
    amqp_url: str,
) -> None:
    async with watching(amqp_url) as live:
        await live.caught_up()
        count = await publish_whole(amqp_url)
        await live.folded(count)
        async with watching(amqp_url) as late:
            await late.caught_up()
            assert late.offsets == live.offsets
            bus = connect(amqp_url, service="trainer", instance="more")
            await bus.start()
            done = EpochCompleted(run_id="run-0", attempt=1, epoch=9)
            await publisher(bus, service="trainer").publish(done, subject="run-0", sequence="last")
            await bus.stop()
            for each in (live, late):
                await each.folded(count + 1)
            assert known(late.board) == known(live.board)
            assert set(late.board.unknown_events) == {"run.cancel", "dataset.redy"}
            assert late.board.runs["run-0"].epochs[9].epoch == 9


async def test_a_replay_whose_connection_is_cut_again_and_again_leaves_nothing_out_and_reads_nothing_twice(
    amqp_url: str,
) -> None:
    async with watching(amqp_url) as whole:
        count = await publish_whole(amqp_url)
        await whole.folded(count)
    broker = CutOff(amqp_url)
    through = await broker.begin()
    # After one more frame, two, three, further apart than what a connection has delivered ahead: a delivery has three.
    cuts = {600 * frames - 500: partial(broker.cut, after=frames) for frames in (1, 2, 3)}
    try:
        async with watching(through, at=cuts) as late:
            await late.folded(count)
            assert broker.made == 1 + len(cuts)
            assert late.offsets == whole.offsets
            assert known(late.board) == known(whole.board)
    finally:
        await broker.end()


async def test_a_reader_that_ends_within_the_log_goes_on_where_it_was(amqp_url: str) -> None:
    count = await publish_whole(amqp_url)
    async with watching(amqp_url) as first:
        await first.folded(count // 3)
    bus = connect(amqp_url, service="monitor")
    second = Watching(bus, {})
    assert first.reader.last_offset is not None
    second.reader.begin_at(first.reader.last_offset + 1)
    second.begun.set()
    await bus.start()
    try:
        await second.caught_up()
    finally:
        await bus.stop()
    assert first.offsets + second.offsets == sorted({*first.offsets, *second.offsets})
    assert len(first.offsets) + len(second.offsets) == count
