"""Events in: what each message puts on record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Protocol

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from truscore import storage
from truscore.bus import Envelope, Poison, Publisher
from truscore.configuration.run_id import RUN_ID_ACCEPTED, is_run_id
from truscore.events.v1 import model_pb2, telemetry_pb2, training_pb2

from services.experiment_tracker import facts
from services.experiment_tracker.availability import RULE, SEVERITY, Alert
from services.experiment_tracker.ledger import Ledger, LedgerError, LedgerRefused, LedgerUnavailable
from services.experiment_tracker.metrics import FAILURES, OFFSET, RECORDED, REFUSED
from services.experiment_tracker.record import Mark
from services.experiment_tracker.recorder import Recorder

log = logging.getLogger(__name__)

UNKNOWN_RUN = "unknown_run"
TRAINER = "trainer"
MAX_NAMES = 500
MAX_PARTS = 50
MAX_TIME_S = 253_402_300_799  # the end of the year 9999, the last moment that a Timestamp may name

# A fact has the fields of its message that are put on record, under the same names.
PLAIN: Mapping[type[Message], type[Any]] = {
    training_pb2.TrainingStarted: facts.Started,
    training_pb2.TrainingProgressed: facts.Progressed,
    training_pb2.EpochCompleted: facts.EpochDone,
    training_pb2.TrainingCompleted: facts.Completed,
    training_pb2.TrainingFailed: facts.Failed,
    training_pb2.TrainingCancelled: facts.Cancelled,
    training_pb2.TrainingPaused: facts.Paused,
    telemetry_pb2.HardwareSampled: facts.Sampled,
    model_pb2.ModelExported: facts.Exported,
    model_pb2.ExportFailed: facts.ExportFailed,
    model_pb2.ModelPromoted: facts.Promoted,
}
PARTS: Mapping[type[Message], type[Any]] = {
    training_pb2.ObjectRef: storage.ObjectRef,
    model_pb2.Artifact: facts.Artifact,
    telemetry_pb2.GpuSample: facts.GpuLoad,
    training_pb2.TrivialComparison: facts.TrivialComparison,
    training_pb2.TrivialPredictor: facts.TrivialPredictor,
    training_pb2.MetricInterval: facts.MetricInterval,
}


def fact_of(message: Message) -> facts.Fact | None:
    """What the message puts on record; None where that is nothing. Poison where its run can't be named."""
    kind = facts.Evaluated if isinstance(message, training_pb2.TrainingEvaluated) else PLAIN.get(type(message))
    run_id = getattr(message, "run_id", "")
    # An order refused before it became a run has no id, and nothing to keep.
    if kind is None or not run_id:
        return None
    # Somebody mistook the name: there is no such run, and none is put on record.
    if isinstance(message, model_pb2.ExportFailed) and message.code == UNKNOWN_RUN:
        return None
    # What validator and exporter sample is no part of the training.
    if isinstance(message, telemetry_pb2.HardwareSampled) and message.service != TRAINER:
        return None
    if not is_run_id(run_id):
        raise Poison(f"run_id {run_id[:200]!r}: {RUN_ID_ACCEPTED}")
    if isinstance(message, training_pb2.TrainingEvaluated):
        # Whole: a curve of which the first points alone are kept is another one.
        return facts.Evaluated(
            run_id=run_id, attempt=message.attempt, epoch=message.epoch, custom_metrics=_value(message.custom_metrics),
            content=MessageToDict(message, preserving_proto_field_name=True),
        )  # fmt: skip
    return _plain(message, kind)  # type: ignore[no-any-return]


def _plain(message: Message, kind: type[Any]) -> Any:
    return kind(**{field.name: _field_value(message, field.name) for field in fields(kind)})


def _field_value(message: Message, name: str) -> Any:
    field, value = message.DESCRIPTOR.fields_by_name[name], getattr(message, name)
    # What a field that knows its presence leaves out is not its zero.
    absent = field.message_type is None and field.has_presence and not message.HasField(name)
    return None if absent else _value(value)


def _value(value: Any) -> Any:
    if isinstance(value, Timestamp):
        return min(max(value.seconds, 0), MAX_TIME_S) + min(max(value.nanos, 0), 999_999_999) / 1e9
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, Message):
        return _plain(value, PARTS[type(value)])
    if isinstance(value, Mapping):
        return dict(sorted(value.items())[:MAX_NAMES])
    return tuple(_value(part) for part in value[:MAX_PARTS])


class OnAlert(Protocol):
    """Receives each alert in the log, ours and others'."""

    def __call__(self, alert_id: str, *, raised: bool, at: float) -> None: ...


def _ignore_alert(alert_id: str, *, raised: bool, at: float) -> None:
    """For who has no alerts of their own."""


def _pass_on(message: telemetry_pb2.AlertRaised | telemetry_pb2.AlertCleared, on_alert: OnAlert) -> None:
    if isinstance(message, telemetry_pb2.AlertRaised):
        on_alert(message.alert_id, raised=True, at=_value(message.raised_at))
    else:
        on_alert(message.alert_id, raised=False, at=_value(message.cleared_at))


async def publish_alert(publisher: Publisher, alert: Alert) -> None:
    """Raise or clear. The id is derived from the episode: a restarted tracker publishes the same event."""
    stamp = Timestamp()
    stamp.FromNanoseconds(round(alert.at * 1e9))
    named = {"alert_id": alert.alert_id, "rule": RULE, "subject": alert.subject}
    event = (
        telemetry_pb2.AlertRaised(**named, severity=SEVERITY, message=alert.message, raised_at=stamp)
        if alert.raised
        else telemetry_pb2.AlertCleared(**named, cleared_at=stamp)
    )
    await publisher.publish(event, subject=alert.subject, sequence=f"{alert.alert_id}/{alert.before:.3f}")


class EventConsumer:
    """Puts the log on record, and remembers there how far it got."""

    def __init__(
        self, ledger: Ledger, *, clock: Callable[[], float], keep_every_s: float, on_alert: OnAlert = _ignore_alert
    ) -> None:
        self._ledger = ledger
        self._on_alert = on_alert
        self._recorder = Recorder(ledger)
        self._clock, self._keep_every_s = clock, keep_every_s
        self._expected: Mark | None = None
        self._place: Mark | None = None
        self._kept_at = clock()
        self.other_log = asyncio.Event()

    def expect(self, place: Mark) -> None:
        """The log is read from here on: the event that was read last comes again first."""
        self._expected = place

    def miss_expected(self) -> None:
        """To be called at the end of the log: by then the expected event came, or this is another log."""
        if self._expected is not None:
            log.warning("the event log is not the one that was read up to %s: reading all of it", self._expected)
            self.other_log.set()

    async def __call__(self, message: Message, envelope: Envelope, offset: int) -> None:
        mark = Mark(offset=offset, event_id=envelope.event_id)
        if self._expected not in (None, mark):
            self.miss_expected()
        self._expected = None
        if self.other_log.is_set():
            return
        if isinstance(message, telemetry_pb2.AlertRaised | telemetry_pb2.AlertCleared):
            _pass_on(message, self._on_alert)
        fact = fact_of(message)
        if fact is not None:
            await self._record(fact, envelope)
        self._place = mark
        OFFSET.set(offset)
        if self._clock() - self._kept_at >= self._keep_every_s:
            await self.keep_place()

    async def keep_place(self) -> None:
        """Note how far the log is on record. What can't be noted is received again: harmless, only slower."""
        self._kept_at = self._clock()
        if self._place is None or self.other_log.is_set():
            return
        try:
            await asyncio.to_thread(self._ledger.keep_place, self._place)
        except LedgerError as error:
            log.warning("place in the event log not kept: %s", error)

    async def _record(self, fact: facts.Fact, envelope: Envelope) -> None:
        try:
            await asyncio.to_thread(self._recorder.record, fact, envelope.time.timestamp())
        except LedgerRefused as error:
            REFUSED.labels(envelope.type).inc()
            raise Poison(str(error)) from error
        except LedgerUnavailable:
            FAILURES.inc()
            raise
        RECORDED.labels(envelope.type).inc()
