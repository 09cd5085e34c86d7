"""What several trainers make of one run: who goes on, who stops, and that nothing is lost between them."""

import asyncio
from pathlib import Path

import pytest
from truscore.events.v1.training_pb2 import EpochCompleted, TrainingCompleted, TrainingProgressed, TrainingStarted

from services.trainer.run_store.attempts import Attempts
from services.trainer.run_store.keys import RunKeys
from tests.unit.trainer.service.stand import BUCKET, Outage, Stand, some_dataset, until


@pytest.fixture
def here(tmp_path: Path) -> Stand:
    return Stand(folder=tmp_path / "here", gates=tmp_path / "gates")


def attempts_of(stand: Stand) -> Attempts:
    run_id = stand.published(TrainingStarted)[0].run_id
    return Attempts(stand.store, RunKeys(bucket=BUCKET, run_id=run_id))


async def test_a_repeat_that_reaches_another_trainer_is_acknowledged_without_a_word(here: Stand) -> None:
    order = some_dataset(here.store)
    here.gate(6)
    running = asyncio.create_task(here.order(order))
    await here.at_gate(6)
    there = here.another("there")
    await there.order(order)
    assert [event.attempt for event in here.published(TrainingStarted)] == [1]
    here.open(6)
    await running
    assert len(here.published(TrainingCompleted)) == 1


async def test_a_redelivery_takes_the_run_over_and_the_older_attempt_drops_out(here: Stand) -> None:
    order = some_dataset(here.store)
    here.gate(7)
    first = asyncio.create_task(here.order(order))
    await here.at_gate(7)
    await until(lambda: b'"epoch": 1' in _latest(here) and here.published(TrainingStarted))
    there = here.another("there")
    second = asyncio.create_task(there.order(order, delivery=2))
    await here.at_gate(7, attempt=2)
    await first
    assert here.published(TrainingCompleted) == []
    here.open(7)
    await second
    assert [event.attempt for event in here.received(TrainingStarted)] == [1, 2]
    assert [event.epoch for event in here.received(EpochCompleted)] == [1, 2, 3]
    [completed] = here.published(TrainingCompleted)
    assert completed.attempts == 2


async def test_an_overtaken_attempt_leaves_no_checkpoint_behind(here: Stand) -> None:
    order = some_dataset(here.store)
    here.gate(7)
    first = asyncio.create_task(here.order(order))
    await here.at_gate(7)
    await until(lambda: b'"epoch": 1' in _latest(here) and here.published(TrainingStarted))
    attempts = attempts_of(here)
    attempts.take(owner="somebody else", host="there", now=here.deps.now())
    here.open(7)
    await first
    assert attempts.latest().owner == "somebody else"  # type: ignore[union-attr]
    assert b'"epoch": 1' in _latest(here)
    assert here.published(TrainingCompleted) == []


async def test_what_a_dead_trainer_could_not_publish_is_published_by_the_next(here: Stand) -> None:
    order = some_dataset(here.store)
    here.publisher.away = True
    here.gate(10)
    first = asyncio.create_task(here.order(order))
    await here.at_gate(10)
    await until(lambda: b'"epoch": 2' in _latest(here))
    assert here.publisher.published == []
    there = Stand(
        folder=here.folder.with_name("there"), gates=here.gates, store=here.store, publisher=Outage(service="trainer")
    )
    second = asyncio.create_task(there.order(order, delivery=2))
    await here.at_gate(10, attempt=2)
    await first
    here.open(10)
    await second
    assert here.publisher.published == []
    assert [event.step for event in there.received(TrainingProgressed)] == list(range(1, 13))
    assert [event.epoch for event in there.published(EpochCompleted)] == [1, 2, 3]
    assert [event.attempt for event in there.published(EpochCompleted)] == [1, 1, 2]


def _latest(stand: Stand) -> bytes:
    found = [entry.uri for entry in stand.store.list(f"s3://{BUCKET}/runs/") if entry.uri.endswith("latest.json")]
    pointers = [uri for uri in found if "checkpoints" in uri]
    return stand.store.get(pointers[0], limit_bytes=10_000) if pointers else b""


async def test_an_attempt_without_signs_of_life_is_taken_over_by_a_mere_repeat(here: Stand) -> None:
    order = some_dataset(here.store)
    scout = Stand(folder=here.folder.with_name("scout"), gates=here.gates)
    await scout.order(some_dataset(scout.store))
    keys = RunKeys(bucket=BUCKET, run_id=scout.published(TrainingStarted)[0].run_id)
    Attempts(here.store, keys).take(owner="dead", host="there", now=here.deps.now())
    await here.order(order)
    [completed] = here.published(TrainingCompleted)
    assert completed.attempts == 2
