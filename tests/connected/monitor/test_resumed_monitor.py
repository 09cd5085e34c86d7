"""A monitor goes on from its snapshot, on a real log, and reads the whole log where that is another one."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import aio_pika
from truscore.api.v1 import monitor_pb2
from truscore.bus import connect, event_id_at, replay_log
from truscore.bus.topology import LOG

from services.monitor.board import Board
from services.monitor.handlers import EventConsumer
from services.monitor.snapshot_file import NAME
from services.monitor.snapshots import Snapshots
from tests.connected.monitor.monitor_harness import monitor_process, publish
from tests.unit.monitor import event_sequences
from tests.unit.monitor.event_sequences import PublishedEvent
from tests.unit.monitor.test_monitor_snapshots import text_of

WAIT_S = 30
EVENTS = event_sequences.whole_run()


async def ignore(*_: object) -> None:
    """No audit record here."""


async def monitored(amqp_url: str, folder: Path) -> tuple[Board, int]:
    """What a monitor knows that begins in the folder and ends there again, and how many events it read for it."""
    board, counted = Board(), list[str]()
    consumer = EventConsumer(board, lambda: None, counted.append, ignore, lambda *_: None)
    bus = connect(amqp_url, service="monitor")
    reader = replay_log(bus, consumer, service="monitor")
    snapshots = Snapshots(
        folder=folder, version="1", board=board, place=lambda: consumer.place, is_settled=lambda: True
    )
    await snapshots.resume(reader, lambda offset: event_id_at(amqp_url, offset), since=0)
    await bus.start()
    try:
        async with snapshots.going_on(reader.caught_up, every_s=WAIT_S), asyncio.timeout(WAIT_S):
            await reader.caught_up.wait()
    finally:
        await bus.stop()
    return board, len(counted)


async def published(amqp_url: str, events: Iterable[PublishedEvent]) -> None:
    """At these times, as the fold asks."""
    await publish(amqp_url, events)


async def test_what_was_folded_before_is_not_read_again_and_the_board_is_that_of_the_whole_log(
    amqp_url: str, tmp_path: Path
) -> None:
    await published(amqp_url, EVENTS[:9])
    _, read = await monitored(amqp_url, tmp_path / "kept")
    assert read == 9
    await published(amqp_url, [*EVENTS[9:], event_sequences.sampled(host="gpu-2")])
    resumed, read = await monitored(amqp_url, tmp_path / "kept")
    assert read == len(EVENTS) - 9 + 1 + 1  # the last event of before is read again
    whole, read = await monitored(amqp_url, tmp_path / "none")
    assert read == len(EVENTS) + 1
    assert text_of(resumed) == text_of(whole)


async def test_a_log_that_was_made_again_is_read_from_its_beginning(amqp_url: str, tmp_path: Path) -> None:
    await published(amqp_url, EVENTS[:6])
    await monitored(amqp_url, tmp_path)
    async with await aio_pika.connect(amqp_url) as connection:
        await (await connection.channel()).queue_delete(LOG)
    # As many events and more, so that the place is there with another event.
    await published(amqp_url, [event_sequences.started(number, run_id=f"run-{number}") for number in range(9)])
    board, read = await monitored(amqp_url, tmp_path)
    assert read == 9
    assert set(board.runs) == {f"run-{number}" for number in range(9)}


async def test_a_process_that_was_killed_goes_on_from_the_snapshot_of_before(amqp_url: str, tmp_path: Path) -> None:
    given = {"TRUSCORE_MONITOR_WORKDIR": str(tmp_path), "TRUSCORE_MONITOR_SNAPSHOT_INTERVAL_S": "0.05"}
    await published(amqp_url, EVENTS)
    request = monitor_pb2.GetRunRequest(run_id=event_sequences.RUN)
    with monitor_process(amqp_url, **given) as monitor:
        async with monitor.client() as api:
            before = await api.GetRun(request, timeout=WAIT_S)
        async with asyncio.timeout(WAIT_S):
            while not (tmp_path / NAME).exists():  # noqa: ASYNC110  another process makes it
                await asyncio.sleep(0.02)
    written_at = datetime.fromtimestamp((tmp_path / NAME).stat().st_mtime, tz=UTC)
    with monitor_process(amqp_url, **given) as monitor:
        async with monitor.client() as api:
            assert await api.GetRun(request, timeout=WAIT_S) == before
    # Nothing happened since: it was not written again.
    assert datetime.fromtimestamp((tmp_path / NAME).stat().st_mtime, tz=UTC) == written_at
