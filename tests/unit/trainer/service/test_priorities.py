"""Which of several runs trains where there is one place for them."""

import asyncio
from pathlib import Path

import pytest
from truscore.events.v1.control_pb2 import RunCancel, RunPause, RunResume
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.order_pb2 import OrderAttached, OrderPrioritized
from truscore.events.v1.training_pb2 import (
    TrainingCancelled,
    TrainingCompleted,
    TrainingFailed,
    TrainingPaused,
    TrainingStarted,
)

from services.trainer.runs.slots import Claim, Slots
from services.trainer.runs.stop import Stop
from tests.unit.trainer.service.stand import Stand, an_envelope, some_dataset, until


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(folder=tmp_path / "here", gates=tmp_path / "gates", places=1)


def another_order(order: DatasetValidated, name: str, *, priority: int = 0) -> DatasetValidated:
    other = DatasetValidated.FromString(order.SerializeToString())
    other.request_id, other.order_event_id = name, name
    other.training.priority = priority
    return other


def claims(*priorities: int) -> list[Claim]:
    return [Claim(run_id=f"run-{number}", priority=priority, stop=Stop()) for number, priority in enumerate(priorities)]


def test_places_are_given_by_priority_and_then_in_the_order_of_claims() -> None:
    slots, (first, low, high, higher, also_high) = Slots(1), claims(9, 1, 5, 6, 5)
    for claim in (first, low, high, higher, also_high):
        slots.claim(claim)
    served = []
    for _ in range(5):
        [held] = [claim for claim in (first, low, high, higher, also_high) if claim.granted.is_set()]
        served.append(held)
        slots.release(held)
    assert served == [first, higher, high, also_high, low]
    assert first.stop.word == ""


def test_the_lowest_and_youngest_gives_way_and_one_for_each_that_waits() -> None:
    slots, (old, young, high, urgent) = Slots(3), claims(1, 1, 2, 3)
    for claim in (old, young, high, urgent):
        slots.claim(claim)
    assert [claim.stop.word for claim in (old, young, high)] == ["", "preempt", ""]
    assert young.stop.reason == urgent.run_id
    [second] = claims(3)
    slots.claim(second)
    assert [claim.stop.word for claim in (old, young, high)] == ["preempt", "preempt", ""]


def test_equals_do_not_give_way_nor_does_anybody_where_a_cluster_decides() -> None:
    for slots, priority in ((Slots(1), 0), (Slots(1, preempts=False), 9)):
        held, waiting = claims(0, priority)
        slots.claim(held)
        slots.claim(waiting)
        assert held.stop.word == ""


async def test_a_run_gives_way_to_a_higher_priority_and_goes_on_by_itself(stand: Stand, tmp_path: Path) -> None:
    undisturbed = Stand(folder=tmp_path / "elsewhere", gates=tmp_path / "other-gates")
    await undisturbed.order(some_dataset(undisturbed.store))
    order = some_dataset(stand.store)
    urgent = another_order(order, "urgent", priority=7)
    stand.gate(6)
    lower = asyncio.create_task(stand.order(order))
    await stand.at_gate(6)
    higher = asyncio.ensure_future(stand.on_order(OrderPrioritized(order=urgent), an_envelope()))
    # At its own sixth step the urgent run meets the gate: so the other has stopped there, and it trains.
    await until(lambda: len(stand.received(TrainingStarted)) == 2)
    [paused] = stand.published(TrainingPaused)
    first, second = (event.run_id for event in stand.received(TrainingStarted))
    assert (paused.run_id, paused.step, paused.preempted_by) == (first, 5, second)
    # Its ordinary delivery is answered though no place is free.
    await stand.on_order(urgent, an_envelope())
    stand.open(6)
    await asyncio.gather(lower, higher)
    assert [event.run_id for event in stand.published(TrainingCompleted)] == [second, first]
    assert stand.published(TrainingCompleted)[1].attempts == 2
    [reference] = undisturbed.published(TrainingCompleted)
    assert stand.published(TrainingCompleted)[1].weights_sha256 == reference.weights_sha256


async def test_a_run_that_gave_way_can_be_cancelled_while_it_waits(stand: Stand) -> None:
    order = some_dataset(stand.store)
    stand.gate(6)
    lower = asyncio.create_task(stand.order(order))
    await stand.at_gate(6)
    higher = asyncio.ensure_future(stand.on_order(another_order(order, "urgent", priority=1), an_envelope(delivery=2)))
    await until(lambda: stand.published(TrainingPaused))
    run_id = stand.published(TrainingPaused)[0].run_id
    await stand.send(RunCancel(run_id=run_id, reason="no longer needed", request_id="1"))
    await lower
    [cancelled] = stand.received(TrainingCancelled)
    assert (cancelled.run_id, cancelled.reason, cancelled.attempt) == (run_id, "no longer needed", 1)
    stand.open(6)
    await higher
    assert [event.run_id != run_id for event in stand.published(TrainingCompleted)] == [True]


async def test_a_run_whose_order_is_still_queued_is_cancelled_and_paused_at_once(stand: Stand) -> None:
    order = some_dataset(stand.store)
    stand.gate(6)
    running = asyncio.create_task(stand.order(order))
    await stand.at_gate(6)
    runs = {}
    for name in ("to be cancelled", "to be paused"):
        queued = another_order(order, name)
        await stand.on_broadcast_order(queued, an_envelope())
        runs[name] = queued, stand.published(OrderAttached)[-1].run_id
    to_cancel, cancelled_id = runs["to be cancelled"]
    to_pause, paused_id = runs["to be paused"]
    await stand.send(RunCancel(run_id=cancelled_id, reason="a mistake", request_id="1"))
    await stand.send(RunPause(run_id=paused_id, reason="not now", request_id="2"))
    assert [(event.run_id, event.reason) for event in stand.published(TrainingCancelled)] == [
        (cancelled_id, "a mistake")
    ]
    assert [event.run_id for event in stand.published(TrainingPaused)] == [paused_id]
    stand.open(6)
    await running
    for queued in (to_cancel, to_pause):
        await stand.order(queued)
    assert len(stand.published(TrainingStarted)) == 1
    assert len(stand.received(TrainingCancelled)) == len(stand.received(TrainingPaused)) == 1
    await stand.send(RunResume(run_id=paused_id, request_id="3"))
    [again] = stand.published(DatasetValidated)
    await stand.order(again)
    assert stand.published(TrainingCompleted)[-1].run_id == paused_id


@pytest.mark.parametrize(
    ("field", "value"), [("priority", 10), ("time_budget_s", -1.0), ("time_budget_s", float("inf"))]
)
async def test_bounds_that_make_no_sense_are_refused_by_name(stand: Stand, field: str, value: float) -> None:
    order = some_dataset(stand.store)
    setattr(order.training, field, value)
    await stand.order(order)
    [failed] = stand.published(TrainingFailed)
    assert failed.code == "invalid_config"
    assert failed.message.startswith(f"{field}: {value}")
