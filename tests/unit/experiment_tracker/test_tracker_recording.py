"""What is put on record, whatever is received twice, late or in between."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.bus import Envelope, Poison
from truscore.bus.publisher import OutgoingEvent, address
from truscore.events.v1 import model_pb2, training_pb2

from services.experiment_tracker.compare import NotComparable, check_run_ids, metric_rows, parameter_rows
from services.experiment_tracker.handlers import EventConsumer, fact_of
from services.experiment_tracker.handlers.events import PARTS, PLAIN
from services.experiment_tracker.ledger import LedgerRefused, LedgerUnavailable, MemoryLedger
from services.experiment_tracker.record import STATE, Known, Mark, Opening, Status, Writes
from services.experiment_tracker.recorder import Recorder
from tests.unit.experiment_tracker import run_events
from tests.unit.experiment_tracker.run_events import RUN, PublishedEvent, record_all


def ledger_after(*events: PublishedEvent) -> MemoryLedger:
    ledger = MemoryLedger()
    record_all(ledger, list(events))
    return ledger


def outcome(ledger: MemoryLedger) -> tuple[Status, str]:
    known = ledger.find(RUN)
    assert known is not None
    return known.status, known.tags[STATE]


def test_a_model_that_is_fit_for_use_is_promoted_and_no_other_is() -> None:
    for fit in (True, False):
        ledger = ledger_after(run_events.completed(), run_events.compared(run_events.exported(), fit=fit))
        (model,) = ledger.models
        assert (model.promoted, model.tags["truscore.fit_for_use"]) == (fit, str(fit).lower())
    (model,) = ledger_after(run_events.completed(), run_events.exported()).models
    assert not model.promoted
    assert "truscore.fit_for_use" not in model.tags


def test_an_order_about_a_run_that_never_was_puts_no_run_on_record() -> None:
    mistaken = model_pb2.ExportFailed(run_id="run-9", format="onnx", code="unknown_run", request_id="r")
    assert fact_of(mistaken) is None


@st.composite
def retellings(draw: st.DrawFn) -> list[PublishedEvent]:
    """The events in their order, and after each one any of those so far again."""
    reported: list[PublishedEvent] = []
    for number, published in enumerate(events := run_events.whole_run()):
        reported += [published, *draw(st.lists(st.sampled_from(events[: number + 1]), max_size=3))]
    return reported


@settings(max_examples=60, deadline=None)
@given(retellings(), st.integers(0, 8))
def test_repeats_and_restarts_anywhere_leave_the_same_record(events: list[PublishedEvent], cut: int) -> None:
    ledger = MemoryLedger()
    record_all(ledger, events[:cut])
    record_all(ledger, events[cut:])
    straight = ledger_after(*run_events.whole_run())
    assert ledger.get(RUN) == straight.get(RUN)
    assert sorted(ledger.pages[0].values, key=str) == sorted(straight.pages[0].values, key=str)
    assert ledger.models == straight.models
    assert len(ledger.pages) == 1


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([run_events.started()], (Status.RUNNING, "training")),
        ([run_events.started(), run_events.failed()], (Status.FAILED, "failed")),
        ([run_events.started(), run_events.cancelled()], (Status.KILLED, "cancelled")),
        ([run_events.started(), run_events.cancelled(90, attempt=0)], (Status.KILLED, "cancelled")),
        ([run_events.cancelled(attempt=0)], (Status.KILLED, "cancelled")),
        ([run_events.started(), run_events.paused()], (Status.RUNNING, "paused")),
        ([run_events.started(), run_events.paused(), run_events.started(70, attempt=2)], (Status.RUNNING, "training")),
        ([run_events.started(), run_events.failed(), run_events.paused()], (Status.FAILED, "failed")),
        ([run_events.started(), run_events.completed()], (Status.FINISHED, "completed")),
        ([run_events.started(), run_events.completed(), run_events.failed(500)], (Status.FINISHED, "completed")),
        ([run_events.started(), run_events.exported(), run_events.completed()], (Status.FINISHED, "exported")),
        ([run_events.started(), run_events.completed(), run_events.export_failed()], (Status.FINISHED, "completed")),
    ],
)
def test_a_record_has_the_status_of_its_last_event(events: list[PublishedEvent], expected: tuple[Status, str]) -> None:
    assert outcome(ledger_after(*events)) == expected


def test_a_failed_export_is_named_in_a_tag() -> None:
    known = ledger_after(run_events.started(), run_events.export_failed()).find(RUN)
    assert known is not None
    assert known.tags["truscore.export.onnx"] == "parity: 0.3 apart"


def test_a_record_that_a_person_withdrew_is_left_alone() -> None:
    class Withdrawn(MemoryLedger):
        def find(self, run_id: str) -> Known | None:
            return Known(mlflow_run_id="x", withdrawn=True)

    ledger = Withdrawn()
    record_all(ledger, run_events.whole_run())
    assert ledger.pages == []


@pytest.mark.parametrize(("message", "fact"), [*PLAIN.items(), *PARTS.items()])
def test_every_field_of_a_fact_is_a_field_of_its_message(message: type[Message], fact: type[Any]) -> None:
    assert {field.name for field in fields(fact)} <= set(message.DESCRIPTOR.fields_by_name)


def test_an_order_that_was_refused_before_it_became_a_run_is_not_recorded() -> None:
    assert fact_of(training_pb2.TrainingFailed(code="invalid_config")) is None


@pytest.mark.parametrize("run_id", ["a' or '1'='1", "run/1", "x" * 129])
def test_a_run_id_that_could_not_be_requested_is_poison(run_id: str) -> None:
    with pytest.raises(Poison, match="run_id"):
        fact_of(training_pb2.EpochCompleted(run_id=run_id))


class Flaky(MemoryLedger):
    """Away for the first calls; and what is written while it goes away is half there."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    def open(self, opening: Opening) -> Known:
        known = super().open(opening)
        self._fail()
        return known

    def write(self, known: Known, writes: Writes) -> Known:
        known = super().write(known, Writes(values=writes.values))
        self._fail()
        return super().write(known, replace(writes, values=()))

    def _fail(self) -> None:
        self.failures -= 1
        if self.failures >= 0:
            raise LedgerUnavailable("away")


@pytest.mark.parametrize("failures", range(12))
def test_what_was_half_written_when_the_ledger_went_away_is_completed_and_not_doubled(failures: int) -> None:
    ledger = Flaky(failures)
    recorder = Recorder(ledger)
    for published in run_events.whole_run():
        fact = fact_of(published.message)
        assert fact is not None
        while True:
            try:
                recorder.record(fact, published.at)
            except LedgerUnavailable:
                continue
            break
    straight = ledger_after(*run_events.whole_run())
    assert ledger.get(RUN) == straight.get(RUN)
    assert ledger.pages[0].values == straight.pages[0].values
    assert len(ledger.pages) == 1


def envelope_of(message: Message, number: int) -> Envelope:
    outgoing = OutgoingEvent(event=message, subject=RUN, sequence=number)
    return address(outgoing, source="truscore/trainer", now=datetime.fromtimestamp(run_events.BEGIN_S, tz=UTC))


async def consume(consumer: EventConsumer, events: list[PublishedEvent], *, first: int = 0) -> None:
    for number, published in enumerate(events):
        await consumer(published.message, envelope_of(published.message, number), first + number)


def listening_to(ledger: MemoryLedger) -> EventConsumer:
    return EventConsumer(ledger, clock=lambda: 0.0, keep_every_s=0)


async def test_the_place_moves_with_what_is_recorded_and_not_past_what_failed() -> None:
    ledger = Flaky(0)
    consumer = listening_to(ledger)
    await consume(consumer, [run_events.started(), run_events.epoch_done(1)])
    kept = ledger.place()
    assert kept is not None
    assert kept.offset == 1
    ledger.failures = 1
    with pytest.raises(LedgerUnavailable):
        await consume(consumer, [run_events.epoch_done(2)], first=2)
    assert ledger.place() == kept


async def test_a_log_that_goes_on_from_the_place_is_read_on() -> None:
    ledger = MemoryLedger()
    await consume(listening_to(ledger), run_events.whole_run()[:3])
    place = ledger.place()
    assert place is not None
    again = listening_to(ledger)
    again.expect(place)
    await again(run_events.whole_run()[2].message, envelope_of(run_events.whole_run()[2].message, 2), 2)
    assert not again.other_log.is_set()


async def test_another_log_than_the_one_of_the_place_is_noticed_and_nothing_of_it_is_skipped() -> None:
    ledger = MemoryLedger()
    consumer = listening_to(ledger)
    consumer.expect(Mark(offset=1, event_id="of the old log"))
    await consume(consumer, run_events.whole_run()[1:], first=1)
    assert consumer.other_log.is_set()
    assert ledger.pages == []
    assert ledger.place() is None


async def test_what_the_ledger_refuses_for_good_is_passed_over_by_name() -> None:
    class Strict(MemoryLedger):
        def write(self, known: Known, writes: Writes) -> Known:
            raise LedgerRefused("MLflow: INVALID_PARAMETER_VALUE: too long")

    with pytest.raises(Poison, match="too long"):
        await consume(listening_to(Strict()), [run_events.started()])


def test_compared_rows_say_which_differ_and_are_empty_where_a_run_has_none() -> None:
    ledger = MemoryLedger()
    record_all(
        ledger,
        [
            run_events.started(run_id="a"),
            run_events.started(run_id="b", lr="0.1"),
            run_events.epoch_done(1, run_id="b"),
        ],
    )
    records = [record for run_id in ("a", "b") if (record := ledger.get(run_id))]
    rows = {row.name: row for row in parameter_rows(records)}
    assert rows["hyperparameters.optimization.learning_rate"].values == ("0.001", "0.1")
    assert rows["hyperparameters.optimization.learning_rate"].differs
    assert not rows["image_size"].differs
    assert {row.name: row.values for row in metric_rows(records)}["train_loss"] == ("", "0.5")


@pytest.mark.parametrize("run_ids", [[], ["a"], ["a"] * 2, [f"run-{n}" for n in range(21)]])
def test_one_run_twenty_one_or_the_same_twice_are_not_compared(run_ids: list[str]) -> None:
    with pytest.raises(NotComparable):
        check_run_ids(run_ids)


def test_the_machine_of_a_run_is_on_record_under_mlflow_s_names_for_system_metrics() -> None:
    ledger = ledger_after(run_events.started(), run_events.sampled(30), run_events.sampled(31), run_events.sampled(60))
    (page,) = ledger.pages
    values = {(value.name, value.at - run_events.BEGIN_S): value.value for value in page.values}
    assert values["system/cpu_utilization_percentage", 30] == 3.0
    assert values["system/system_memory_usage_percentage", 60] == 25.0
    assert values["system/gpu_0_memory_usage_percentage", 60] == 25.0
    assert {at for _, at in values} == {30, 60}, "of half a minute the first sample"


def test_curves_over_the_steps_are_of_a_bounded_size_and_the_same_once_more() -> None:
    reports = [run_events.progressed(step, total=1000) for step in range(1, 1001)]
    again = [run_events.progressed(step, total=1000, attempt=2) for step in range(900, 1001)]
    (page,) = ledger_after(run_events.started(), *reports, *again).pages
    assert {value.name for value in page.values} == {
        "step/loss", "step/loss.box", "step/learning_rate", "step/gradient_norm"
    }  # fmt: skip
    losses = [(value.step, value.value) for value in page.values if value.name == "step/loss"]
    assert losses == [(0, 1.0), *((step, 1 / step) for step in range(4, 1001, 4))]


def test_a_part_of_the_loss_whose_name_mlflow_refuses_is_written_once_all_the_same() -> None:
    report = run_events.progressed(1)
    report.message.loss_parts["box:l1"] = 0.5  # type: ignore[attr-defined]
    (page,) = ledger_after(run_events.started(), report, report).pages
    assert [value.name for value in page.values].count("step/loss.box_l1") == 1


def test_a_sample_puts_no_run_on_record_and_what_other_services_sample_is_no_part_of_it() -> None:
    assert ledger_after(run_events.sampled(30)).pages == []
    assert fact_of(run_events.sampled(30, service="exporter").message) is None


def test_curves_of_an_evaluation_are_a_file_of_the_run_and_the_numbers_of_plug_ins_its_metrics() -> None:
    first, second = run_events.evaluated(attempt=1), run_events.evaluated(attempt=2)
    ledger = ledger_after(run_events.started(), first, second, first, second)
    (page,) = ledger.pages
    assert page.files["truscore/evaluation.json"]["attempt"] == 2
    assert [(each.name, each.step, each.value) for each in page.values] == [("custom.costs.missed", 3, 10.0)]
    curves: Any = page.files["truscore/evaluation.json"]["curves"]
    assert len(curves[0]["series"][0]["x"]) == 101, "no point is left out"
