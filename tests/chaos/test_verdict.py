"""The judge of the chaos trial finds what is lost, doubled, reordered or changed."""

from collections.abc import Callable

import pytest
from google.protobuf.message import Message
from truscore.events.v1.dataset_pb2 import DatasetRejected, DatasetValidated
from truscore.events.v1.model_pb2 import ExportFailed, ModelExported
from truscore.events.v1.order_pb2 import OrderAttached
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    TrainingCompleted,
    TrainingFailed,
    TrainingProgressed,
    TrainingStarted,
)

from tests.chaos.verdict import DISK_FULL, LoggedEvent, ended_orders, latencies_s, violations

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


VERDICT = LoggedEvent(event_id="verdict", message=DatasetValidated(order_event_id=ORDER), at=0.25)


def found(log: list[LoggedEvent]) -> list[str]:
    return violations([VERDICT, *log], [ORDER], epochs=2, weights_sha256=WEIGHTS)


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
        lambda messages: [*messages, TrainingFailed(run_id=RUN, code="diverged", message="no number")],
        "TrainingFailed: diverged: no number",
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
    named = violations(log, [ORDER, "second"], epochs=2, weights_sha256=WEIGHTS)
    assert any("two orders share a run" in words for words in named)


@pytest.mark.parametrize("count", [0, 2])
def test_a_dataset_without_a_verdict_or_with_two_is_named(count: int) -> None:
    log = [LoggedEvent(event_id=str(number), message=VERDICT.message, at=0.0) for number in range(count)]
    named = violations(log, [], epochs=2, weights_sha256=WEIGHTS, validated=[ORDER])
    assert named == [f"order {ORDER} has {count} verdicts, expected one"]
    assert ended_orders(log, [ORDER], validated=[ORDER]) == ({ORDER} if count else set())


def test_a_run_that_a_full_disk_ended_is_an_answer_and_comes_to_no_model() -> None:
    ended = [*whole()[:3], TrainingFailed(run_id=RUN, code=DISK_FULL, retryable=True)]
    assert found(logged(*ended)) == []
    assert "1 times ModelExported, expected 0" in found(logged(*ended, ModelExported(run_id=RUN)))[0]


def test_an_export_that_a_full_disk_ended_has_not_ended_before_it_is_made() -> None:
    refused = [*whole()[:-1], ExportFailed(run_id=RUN, code=DISK_FULL)]
    assert ended_orders(logged(*refused), [ORDER]) == set()
    assert found(logged(*refused, whole()[-1])) == []


def test_a_refused_order_has_ended_and_one_under_way_has_not() -> None:
    log = logged(DatasetRejected(order_event_id="refused"), *whole()[:-1])
    assert ended_orders(log, [ORDER, "refused"]) == {"refused"}


def test_latencies_count_from_the_publication_of_the_order() -> None:
    assert latencies_s(logged(*whole()), {ORDER: 0.5}) == {
        "order_to_verdict": [],
        "order_to_started": [0.5],
        "order_to_exported": [5.5],
    }
