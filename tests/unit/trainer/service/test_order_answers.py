"""Every order gets an answer that names it, whatever its run is doing: the table of states and kinds of order."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.message import Message
from truscore.events.v1 import order_pb2
from truscore.events.v1.control_pb2 import RunCancel, RunPause
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.order_pb2 import OrderAttached
from truscore.events.v1.training_pb2 import (
    TrainingCancelled,
    TrainingCompleted,
    TrainingFailed,
    TrainingPaused,
    TrainingStarted,
)

from tests.unit.trainer.service.stand import Stand, an_envelope, some_dataset, until

Make = Callable[[DatasetValidated], None]


def changed(**fields: str) -> Make:
    def change(order: DatasetValidated) -> None:
        for name, value in fields.items():
            setattr(order, name, value)

    return change


# How an order may come once more: all of these are orders for the run of the first.
KINDS: dict[str, Make] = {
    "the same order": changed(),
    "an equal order of somebody else": changed(order_event_id="another order"),
    "the same images under another name": changed(
        order_event_id="another order", dataset_id="other-cards", version="7"
    ),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(folder=tmp_path / "here", gates=tmp_path / "gates")


def first_order(stand: Stand) -> DatasetValidated:
    order = some_dataset(stand.store)
    order.order_event_id = "first order"
    return order


def once_more(stand: Stand, order: DatasetValidated, kind: str) -> DatasetValidated:
    again = DatasetValidated.FromString(order.SerializeToString())
    KINDS[kind](again)
    report = json.loads(stand.store.get(order.report.uri, limit_bytes=1 << 20))
    report["about"] |= {"dataset_id": again.dataset_id, "version": again.version}
    stored = stand.store.put(f"{order.report.uri}.again", json.dumps(report).encode())
    again.report.uri, again.report.sha256, again.report.size_bytes = stored.uri, stored.sha256, stored.size_bytes
    return again


async def completed(stand: Stand, order: DatasetValidated) -> None:
    await stand.order(order)


async def failed_for_good(stand: Stand, order: DatasetValidated) -> None:
    stand.child_options = ("--fail", "diverged:")
    await stand.order(order)


async def cancelled(stand: Stand, order: DatasetValidated) -> None:
    stand.gate(6)
    running = asyncio.create_task(stand.order(order))
    await stand.at_gate(6)
    await until(lambda: stand.published(TrainingStarted))
    await stand.send(RunCancel(run_id=run_of(stand), reason="wrong data", request_id="1"))
    await running


async def failed_before_it_began(stand: Stand, order: DatasetValidated) -> None:
    stand.store.put("s3://upstream/cards/1/images/3.png", b"retouched")
    await stand.order(order)


ENDED: dict[str, tuple[Callable[[Stand, DatasetValidated], Awaitable[None]], str, type[Message]]] = {
    "completed": (completed, "COMPLETED", TrainingCompleted),
    "failed for good": (failed_for_good, "FAILED", TrainingFailed),
    "failed before it began": (failed_before_it_began, "FAILED", TrainingFailed),
    "cancelled": (cancelled, "CANCELLED", TrainingCancelled),
}


def run_of(stand: Stand) -> str:
    return str(stand.published(OrderAttached)[0].run_id)


def answers(stand: Stand, order: DatasetValidated, *, since: int = 0) -> list[tuple[str, str, str, str]]:
    """The states that were said of an order since a place in what was said, with run, dataset and version."""
    return [
        (event.run_id, event.dataset_id, event.version, order_pb2.OrderState.Name(event.state)[len("ORDER_STATE_") :])
        for event, _ in stand.publisher.published[since:]
        if isinstance(event, OrderAttached) and event.order_event_id == order.order_event_id
    ]


@each_kind
@pytest.mark.parametrize("state", ENDED)
async def test_an_order_for_a_run_that_is_over_is_attached_and_receives_the_end_again(
    stand: Stand, state: str, kind: str
) -> None:
    reach, name, end = ENDED[state]
    order = first_order(stand)
    await reach(stand, order)
    first_end = next((event, envelope) for event, envelope in stand.publisher.published if isinstance(event, end))
    again, since = once_more(stand, order, kind), len(stand.publisher.published)
    await stand.order(again)
    assert answers(stand, again, since=since) == [(run_of(stand), again.dataset_id, again.version, name)]
    attached, (event, envelope) = stand.publisher.published[since:]
    assert isinstance(attached[0], OrderAttached)
    assert event == first_end[0]
    assert (envelope.event_id, envelope.time) == (first_end[1].event_id, first_end[1].time)


@each_kind
async def test_an_order_for_a_run_that_is_under_way_here_is_attached_before_the_end(stand: Stand, kind: str) -> None:
    order = first_order(stand)
    again = once_more(stand, order, kind)
    stand.gate(6)
    running = asyncio.create_task(stand.order(order))
    await stand.at_gate(6)
    since = len(stand.publisher.published)
    repeat = asyncio.create_task(stand.order(again))
    await repeat  # a slot is free again while the run goes on
    assert not running.done()
    assert answers(stand, again, since=since) == [(run_of(stand), again.dataset_id, again.version, "RUNNING")]
    stand.open(6)
    await running
    assert len(stand.published(TrainingStarted)) == len(stand.published(TrainingCompleted)) == 1


@each_kind
async def test_an_order_for_a_run_that_another_trainer_leads_is_attached(stand: Stand, kind: str) -> None:
    order = first_order(stand)
    again = once_more(stand, order, kind)
    stand.gate(6)
    running = asyncio.create_task(stand.order(order))
    await stand.at_gate(6)
    since = len(stand.publisher.published)
    await stand.another("there").order(again)
    assert answers(stand, again, since=since) == [(run_of(stand), again.dataset_id, again.version, "RUNNING")]
    stand.open(6)
    await running
    assert len(stand.published(TrainingStarted)) == len(stand.published(TrainingCompleted)) == 1


@each_kind
async def test_an_order_for_a_paused_run_is_attached_and_receives_the_pause_again(stand: Stand, kind: str) -> None:
    order = first_order(stand)
    stand.gate(6)
    running = asyncio.create_task(stand.order(order))
    await stand.at_gate(6)
    await until(lambda: stand.published(TrainingStarted))
    await stand.send(RunPause(run_id=run_of(stand), request_id="1"))
    await running
    again, since = once_more(stand, order, kind), len(stand.publisher.published)
    await stand.order(again)
    assert answers(stand, again, since=since) == [(run_of(stand), again.dataset_id, again.version, "PAUSED")]
    assert len(stand.received(TrainingPaused)) == 1
    assert isinstance(stand.publisher.published[-1][0], TrainingPaused)


@each_kind
async def test_an_order_after_a_failure_that_may_pass_is_a_new_attempt(stand: Stand, kind: str) -> None:
    order = first_order(stand)
    stand.child_options = ("--fail", "out_of_memory:retryable")
    await stand.order(order)
    assert stand.published(TrainingFailed)[0].retryable
    stand.child_options = ()
    again, since = once_more(stand, order, kind), len(stand.publisher.published)
    await stand.order(again)
    assert answers(stand, again, since=since) == [(run_of(stand), again.dataset_id, again.version, "QUEUED")]
    assert len(stand.published(TrainingCompleted)) == 1


async def test_a_redelivery_of_a_run_under_way_is_attached_and_holds_the_run_to_its_end(stand: Stand) -> None:
    """After a lost connection it is the only delivery that the run has."""
    order = first_order(stand)
    stand.gate(6)
    running = asyncio.create_task(stand.order(order))
    await stand.at_gate(6)
    since = len(stand.publisher.published)
    redelivered = asyncio.create_task(stand.order(order, delivery=2))
    await until(lambda: answers(stand, order, since=since))
    assert not redelivered.done()
    stand.open(6)
    await asyncio.gather(running, redelivered)
    assert len(stand.published(TrainingStarted)) == len(stand.published(TrainingCompleted)) == 1


async def test_an_order_from_before_a_failure_that_may_pass_receives_the_failure(stand: Stand) -> None:
    order = first_order(stand)
    before = datetime.now(tz=UTC)
    stand.child_options = ("--fail", "out_of_memory:retryable")
    await stand.order(order)
    since = len(stand.publisher.published)
    again = once_more(stand, order, "an equal order of somebody else")
    await stand.on_order(again, an_envelope(time=before))
    assert answers(stand, again, since=since) == [(run_of(stand), "cards", "1", "FAILED")]
    assert len(stand.received(TrainingFailed)) == 1
    assert stand.publisher.published[-1][0] == stand.published(TrainingFailed)[0]


async def test_a_first_order_is_attached_before_its_run_starts(stand: Stand) -> None:
    order = first_order(stand)
    await stand.order(order)
    assert answers(stand, order) == [(stand.published(TrainingStarted)[0].run_id, "cards", "1", "QUEUED")]
    assert isinstance(stand.publisher.published[0][0], OrderAttached)


async def test_an_order_for_a_run_that_was_cancelled_before_it_is_attached_and_answered_so(stand: Stand) -> None:
    probe = Stand(folder=stand.folder.with_name("probe"), gates=stand.gates)
    await probe.order(first_order(probe))
    order = first_order(stand)
    await stand.send(RunCancel(run_id=run_of(probe), reason="never mind", request_id="1"))
    await stand.order(order)
    assert answers(stand, order) == [(run_of(probe), "cards", "1", "CANCELLED")]
    assert [event.reason for event in stand.published(TrainingCancelled)] == ["never mind"]
    assert stand.published(TrainingStarted) == []


@each_kind
async def test_an_order_that_no_trainer_can_carry_out_is_refused_by_name_each_time(stand: Stand, kind: str) -> None:
    order = first_order(stand)
    order.training.architecture = "perceptron"
    await stand.order(order)
    again, since = once_more(stand, order, kind), len(stand.publisher.published)
    await stand.order(again)
    assert answers(stand, again, since=since) == [("", again.dataset_id, again.version, "REFUSED")]
    failed = stand.publisher.published[-1][0]
    assert isinstance(failed, TrainingFailed)
    assert (failed.order_event_id, failed.request_id) == (again.order_event_id, again.request_id)
    assert "perceptron" in failed.message


async def test_a_redelivered_order_is_answered_by_the_same_event(stand: Stand) -> None:
    order = first_order(stand)
    await stand.order(order)
    for delivery in (2, 3):
        await stand.order(order, delivery=delivery)
    assert [event.state for event in stand.received(OrderAttached)] == [
        order_pb2.ORDER_STATE_QUEUED,
        order_pb2.ORDER_STATE_COMPLETED,
    ]


async def test_an_order_that_comes_while_the_end_is_published_receives_the_end_after_its_own_answer(
    stand: Stand,
) -> None:
    """Otherwise its client receives an end that it cannot know for its own, and then nothing."""
    order = first_order(stand)
    again = once_more(stand, order, "an equal order of somebody else")
    stand.gate(12)
    running = asyncio.create_task(stand.order(order))
    await stand.at_gate(12)
    await until(lambda: stand.published(TrainingStarted))
    stand.publisher.holds_back = TrainingCompleted
    stand.open(12)
    await until(lambda: stand.publisher.held_back)
    repeat = asyncio.create_task(stand.order(again))
    await asyncio.sleep(0)
    stand.publisher.holds_back = None
    await asyncio.gather(running, repeat)
    kinds = [type(event) for event, _ in stand.publisher.published[-2:]]
    assert kinds == [OrderAttached, TrainingCompleted]
    assert answers(stand, again) == [(run_of(stand), "cards", "1", "COMPLETED")]


async def test_a_run_that_ended_before_ends_were_kept_still_attaches_its_orders(stand: Stand) -> None:
    """Notes of earlier releases hold no event."""
    order = first_order(stand)
    await stand.order(order)
    uri = f"s3://truscore/runs/{run_of(stand)}/end.json"
    stand.store.put(uri, b'{"outcome": "completed", "ended_at": "2025-01-01T00:00:00+00:00", "attempt": 1}')
    since = len(stand.publisher.published)
    await stand.order(order)
    assert answers(stand, order, since=since) == [(run_of(stand), "cards", "1", "COMPLETED")]
