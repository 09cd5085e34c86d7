"""The judge of the chaos trial finds what is lost, doubled, reordered or changed."""

from collections.abc import Callable

import pytest
from google.protobuf.message import Message
from truscore.events.v1.dataset_pb2 import DatasetRejected
from truscore.events.v1.model_pb2 import ExportFailed, ModelExported
from truscore.events.v1.order_pb2 import OrderAttached
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    TrainingCompleted,
    TrainingFailed,
    TrainingProgressed,
    TrainingStarted,
)

from tests.chaos.verdict import LoggedEvent, ended_orders, latencies_s, violations

WEIGHTS = "f" * 64
ORDER, RUN = "order-event", "run-1"


def logged(*messages: Message) -> list[LoggedEvent]:
    return [
        LoggedEvent(event_id=f"event-{number}", message=each, at=float(number)) for number, each in enumerate(messages)
    ]


def whole() -> list[Message]:
    """An order, its run in two attempts and its model."""
    return [
        OrderAttached(order_event_id=ORDER, run_id=RUN),
        TrainingStarted(run_id=RUN, attempt=1),
        EpochCompleted(run_id=RUN, epoch=1),
        TrainingStarted(run_id=RUN, attempt=2),
        EpochCompleted(run_id=RUN, epoch=2),
        TrainingCompleted(run_id=RUN, weights_sha256=WEIGHTS),
        ModelExported(run_id=RUN),
    ]


def found(log: list[LoggedEvent]) -> list[str]:
    return violations(log, [ORDER], epochs=2, weights_sha256=WEIGHTS)


def test_a_run_in_two_attempts_and_an_event_published_again_are_no_violation() -> None:
    log = logged(*whole())
    assert found([*log, log[2], log[-1]]) == []
    assert ended_orders(log, [ORDER]) == {ORDER}


PLANTED: dict[str, tuple[Callable[[list[Message]], list[Message]], str]] = {
    "an order without a run": (lambda messages: messages[1:], "never attached"),
    "a lost epoch": (lambda messages: [*messages[:2], *messages[3:]], "epochs [2], expected 1 to 2"),
    "an epoch twice under two ids": (lambda messages: [*messages, messages[2]], "epochs [1, 2, 1]"),
    "a lost model": (lambda messages: messages[:-1], "0 times ModelExported"),
    "two models": (lambda messages: [*messages, messages[-1]], "2 times ModelExported"),
    "two ends": (lambda messages: [*messages[:6], messages[5], messages[6]], "2 times TrainingCompleted"),
    "other weights": (
        lambda messages: [*messages[:5], TrainingCompleted(run_id=RUN, weights_sha256="0" * 64), messages[6]],
        "weights 000000000000, undisturbed ffffffffffff",
    ),
    "an attempt that goes back": (
        lambda messages: [*messages[:3], TrainingStarted(run_id=RUN, attempt=1), *messages[4:]],
        "attempts [1, 1]",
    ),
    "a model before the end": (lambda messages: [*messages[:5], messages[6], messages[5]], "exported before"),
    "a failure": (
        lambda messages: [*messages, TrainingFailed(run_id=RUN, code="disk_full", message="no room")],
        "TrainingFailed: disk_full: no room",
    ),
    "a failed export": (
        lambda messages: [*messages[:-1], ExportFailed(run_id=RUN, code="parity", message="apart")],
        "ExportFailed: parity",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_went_wrong_is_named(name: str) -> None:
    change, words = PLANTED[name]
    assert any(words in each for each in found(logged(*change(whole()))))


def test_one_id_for_two_contents_is_named() -> None:
    log = logged(*whole())
    other = LoggedEvent(event_id=log[2].event_id, message=EpochCompleted(run_id=RUN, epoch=9), at=9.0)
    assert found([*log, other]) == [f"event id {log[2].event_id} stands for two contents: EpochCompleted (epoch)"]


def test_a_step_that_is_done_again_may_take_another_time_but_not_come_to_another_loss() -> None:
    log = logged(*whole(), TrainingProgressed(run_id=RUN, step=3, loss=0.5, attempt=1, images_per_second=8))
    same = TrainingProgressed(run_id=RUN, step=3, loss=0.5, attempt=2, images_per_second=9)
    other = TrainingProgressed(run_id=RUN, step=3, loss=0.6, attempt=2, images_per_second=9)
    event_id = log[-1].event_id
    assert found([*log, LoggedEvent(event_id=event_id, message=same, at=9.0)]) == []
    (words,) = found([*log, LoggedEvent(event_id=event_id, message=other, at=9.0)])
    assert words.endswith("TrainingProgressed (attempt, images_per_second, loss)")


def test_two_orders_that_share_a_run_are_named() -> None:
    log = logged(OrderAttached(order_event_id="second", run_id=RUN), *whole())
    assert "two orders share a run" in violations(log, [ORDER, "second"], epochs=2, weights_sha256=WEIGHTS)[0]


def test_a_refused_order_has_ended_and_one_under_way_has_not() -> None:
    log = logged(DatasetRejected(order_event_id="refused"), *whole()[:-1])
    assert ended_orders(log, [ORDER, "refused"]) == {"refused"}


def test_latencies_count_from_the_publication_of_the_order() -> None:
    assert latencies_s(logged(*whole()), {ORDER: 0.5}) == {"order_to_started": [0.5], "order_to_exported": [5.5]}
