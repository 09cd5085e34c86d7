"""The relay on journals on disk, with a broker that a test can take away."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.trainer.journal import CheckpointWritten, EpochDone, Journal, Progressed, Record, encode
from services.trainer.runs.journal_relay import (
    Position,
    Relay,
    attempt_folder,
    furthest,
    journal_path,
    load_position,
    unpublished,
)
from services.trainer.runs.publisher import BrokerUnavailable

DEADLINE_S = 20


def progressed(step: int) -> Progressed:
    return Progressed(
        step=step, total_steps=9, epoch=1, loss=1.0, learning_rate=0.1, images_per_second=1.0, eta_s=1.0
    )  # fmt: skip


def epoch_done(epoch: int) -> EpochDone:
    return EpochDone(
        epoch=epoch, total_epochs=3, train_loss=1.0, val_loss=1.0, learning_rate=0.1, duration_s=1.0,
        images_per_second=1.0, eta_s=1.0, is_best=True,
    )  # fmt: skip


def checkpoint() -> CheckpointWritten:
    return CheckpointWritten(path="a.pt", sha256="0" * 64, size_bytes=1, epoch=1, step=1, best=True)


class World:
    """What was said; each batch is refused as often as the test wants before it is confirmed."""

    def __init__(self, *, refusals: int = 0) -> None:
        self.published: list[tuple[int, Record]] = []
        self.refusals = refusals

    async def publish_many(self, messages: Sequence[tuple[int, Record]]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise BrokerUnavailable("taken away by the test")
        self.published += messages


def relay_to(world: World, folder: Path, position: Position | None = None) -> Relay[tuple[int, Record]]:
    def translate(attempt: int, record: Record) -> tuple[int, Record] | None:
        return None if isinstance(record, CheckpointWritten) else (attempt, record)

    return Relay(
        run_folder=folder, position=position or load_position(folder), translate=translate,
        publish_many=world.publish_many, broker_unavailable=BrokerUnavailable,
    )  # fmt: skip


def write(folder: Path, attempt: int, *records: Record) -> None:
    attempt_folder(folder, attempt).mkdir(exist_ok=True)
    with Journal(journal_path(folder, attempt)) as journal:
        for record in records:
            journal.append(record)


async def relayed(world: World, folder: Path, *, newest: int, position: Position | None = None) -> Relay[object]:
    relay = relay_to(world, folder, position)
    relay.begin(newest)
    relay.finish()
    await asyncio.wait_for(relay.run(), DEADLINE_S)
    return relay  # type: ignore[return-value]


async def test_journals_are_published_in_order_and_once(tmp_path: Path) -> None:
    write(tmp_path, 1, progressed(1), checkpoint(), epoch_done(1))
    write(tmp_path, 2, progressed(2), epoch_done(2))
    world = World()
    await relayed(world, tmp_path, newest=2)
    assert world.published == [(1, progressed(1)), (1, epoch_done(1)), (2, progressed(2)), (2, epoch_done(2))]
    await relayed(world, tmp_path, newest=2)
    assert len(world.published) == 4


async def test_what_is_written_later_is_published_later(tmp_path: Path) -> None:
    write(tmp_path, 1, progressed(1))
    world = World()
    await relayed(world, tmp_path, newest=1)
    write(tmp_path, 1, progressed(2))
    await relayed(world, tmp_path, newest=1)
    assert [record for _, record in world.published] == [progressed(1), progressed(2)]


async def test_an_epoch_that_was_published_is_not_published_by_the_attempt_that_trains_it_again(tmp_path: Path) -> None:
    write(tmp_path, 1, epoch_done(1), epoch_done(2))
    write(tmp_path, 2, epoch_done(2), epoch_done(3))
    world = World()
    relay = await relayed(world, tmp_path, newest=2)
    assert world.published == [(1, epoch_done(1)), (1, epoch_done(2)), (2, epoch_done(3))]
    assert relay.position.epoch == 3


async def test_a_torn_last_line_of_a_dead_attempt_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, 1, progressed(1))
    with journal_path(tmp_path, 1).open("ab") as file:
        file.write(encode(progressed(2), seq=2)[:-9])
    write(tmp_path, 2, progressed(2))
    world = World()
    await relayed(world, tmp_path, newest=2)
    assert world.published == [(1, progressed(1)), (2, progressed(2))]


async def test_a_damaged_journal_does_not_hold_up_the_attempts_after_it(tmp_path: Path) -> None:
    write(tmp_path, 1, progressed(1))
    with journal_path(tmp_path, 1).open("ab") as file:
        file.write(b"nonsense\n")
    write(tmp_path, 2, progressed(2))
    world = World()
    relay = await relayed(world, tmp_path, newest=2)
    assert world.published[-1] == (2, progressed(2))
    assert relay.position.attempt == 2


async def test_an_attempt_without_a_journal_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, 3, progressed(1))
    world = World()
    await relayed(world, tmp_path, newest=3)
    assert world.published == [(3, progressed(1))]


async def test_nothing_is_lost_or_forgotten_while_the_broker_is_away(tmp_path: Path) -> None:
    write(tmp_path, 1, progressed(1), epoch_done(1))
    world = World(refusals=1)
    relay = relay_to(world, tmp_path)
    running = asyncio.create_task(relay.run())
    relay.finish()
    await asyncio.wait_for(running, DEADLINE_S)
    assert world.published == [(1, progressed(1)), (1, epoch_done(1))]
    assert load_position(tmp_path) == relay.position


async def test_a_relay_that_dies_before_it_noted_its_place_says_the_same_again(tmp_path: Path) -> None:
    write(tmp_path, 1, progressed(1), epoch_done(1))
    world = World()
    await relayed(world, tmp_path, newest=1)
    (tmp_path / "relay.json").unlink()
    await relayed(world, tmp_path, newest=1)
    assert world.published[:2] == world.published[2:]


@pytest.mark.parametrize("offset", [10**9, 0])
async def test_a_place_beyond_a_journal_is_its_end(tmp_path: Path, offset: int) -> None:
    write(tmp_path, 2, progressed(1))
    world = World()
    await relayed(world, tmp_path, newest=2, position=Position(attempt=1, offset=offset))
    assert world.published == [(2, progressed(1))]


positions = st.builds(
    Position, attempt=st.integers(1, 9), offset=st.integers(0, 10**6), epoch=st.integers(0, 50)
)  # fmt: skip


@settings(max_examples=50)
@given(st.lists(positions, max_size=4))
def test_the_furthest_place_forgets_no_epoch_and_no_attempt(known: list[Position]) -> None:
    place = furthest(known)
    assert all(place.epoch >= each.epoch for each in known)
    assert all((place.attempt, place.offset) >= (each.attempt, each.offset) for each in known)


@settings(max_examples=50)
@given(st.lists(st.integers(1, 9)), st.integers(0, 9))
def test_only_epochs_that_were_published_are_left_out(epochs: list[int], published: int) -> None:
    records = [epoch_done(epoch) for epoch in epochs] + [progressed(1)]
    assert unpublished(records, epoch=published) == [record for record in records[:-1] if record.epoch > published] + [
        progressed(1)
    ]
