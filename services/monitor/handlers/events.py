"""Events in: what each message tells the monitor."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any, TypeVar
from zlib import compress

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from truscore.audit import Request
from truscore.bus import Envelope, Stray
from truscore.events.v1 import control_pb2, dataset_pb2, model_pb2, order_pb2, telemetry_pb2, training_pb2

from services.monitor import facts
from services.monitor.alerts import AlertState
from services.monitor.board import Board
from services.monitor.handlers.audit import request_of
from services.monitor.snapshot_file import Place

KNOWN_STATES = frozenset(order_pb2.OrderState.values())
MAX_NAMES = 64
MAX_PARTS = 100
MAX_CHARS = 1000
MAX_TIME_S = 253_402_300_799  # the end of the year 9999, the last moment that a Timestamp may name

STRAY = "stray"  # in the place of a message's type

F = TypeVar("F")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOff:
    """Names of a fact's fields that are read off its message. A million events are read at a monitor's start: their
    descriptors are not asked again for each. Of `optional` the message knows that one was left out, which is not its
    zero."""

    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    optional: tuple[str, ...]
    others: tuple[str, ...]


# By message and fact: whoever makes a fact of a message gives it the same fields each time.
_READ_OFF: dict[tuple[type[Message], type[Any]], ReadOff] = {}
log = logging.getLogger(__name__)

# A fact has the fields of its message that the monitor uses, under the same names.
PLAIN: Mapping[type[Message], type[Any]] = {
    dataset_pb2.DatasetProgress: facts.Validating,
    dataset_pb2.DatasetRejected: facts.Rejected,
    training_pb2.TrainingStarted: facts.Started,
    training_pb2.TrainingProgressed: facts.Progressed,
    training_pb2.EpochCompleted: facts.EpochDone,
    training_pb2.TrainingFailed: facts.Failed,
    training_pb2.TrainingCancelled: facts.Cancelled,
    training_pb2.TrainingPaused: facts.Paused,
    control_pb2.RunResume: facts.ResumeRequested,
    model_pb2.ExportFailed: facts.ExportFailed,
    telemetry_pb2.HardwareSampled: facts.Sampled,
    telemetry_pb2.AlertRaised: facts.Raised,
    telemetry_pb2.AlertCleared: facts.Cleared,
    telemetry_pb2.AlertAcknowledged: facts.Acknowledged,
}
PARTS: Mapping[type[Message], type[Any]] = {
    dataset_pb2.Finding: facts.Finding,
    telemetry_pb2.GpuSample: facts.GpuLoad,
}


def fact_of(message: Message, event_id: str = "") -> facts.Fact | None:  # noqa: PLR0911
    """What the message states to the monitor; None for requests, which state nothing until they are answered."""
    if kind := PLAIN.get(type(message)):
        fact: facts.Fact = _plain(message, kind)
        return fact
    match message:
        case dataset_pb2.DatasetReady():
            return facts.Announced(order=_order(message), order_event_id=event_id[:MAX_CHARS])
        case dataset_pb2.DatasetValidated():
            return _plain(message, facts.Validated, order=_order(message))
        case order_pb2.OrderAttached():
            # A state of a newer contract is none that the monitor acts on.
            state = order_pb2.OrderState.Name(message.state) if message.state in KNOWN_STATES else ""
            return _plain(message, facts.Attached, state=state.removeprefix("ORDER_STATE_"))
        case training_pb2.TrainingCompleted():
            return _plain(
                message,
                facts.Completed,
                fit_for_use=message.fit_for_use if message.HasField("fit_for_use") else None,
                comparison=message.trivial_comparison.SerializeToString(deterministic=True),
            )
        case training_pb2.TrainingEvaluated():
            return _plain(message, facts.Evaluated, content=compress(message.SerializeToString(deterministic=True)))
        case model_pb2.ModelExported():
            announcement = message.SerializeToString(deterministic=True)
            return _plain(message, facts.Exported, announcement=announcement)
        case _:
            return None


def _order(message: dataset_pb2.DatasetReady | dataset_pb2.DatasetValidated) -> facts.ReceivedOrder:
    # What the validator passes on unchanged, so that order and verdict have the same digest.
    order = dataset_pb2.DatasetReady(
        category=message.category,
        option=message.option,
        training=message.training,
        export_formats=message.export_formats,
        validation_only=message.validation_only,
    )
    return facts.ReceivedOrder(
        dataset_id=message.dataset_id[:MAX_CHARS],
        version=message.version[:MAX_CHARS],
        request_id=message.request_id[:MAX_CHARS],
        category=message.category[:MAX_CHARS],
        option=message.option[:MAX_CHARS],
        architecture=message.training.architecture[:MAX_CHARS],
        validation_only=message.validation_only,
        digest=sha256(order.SerializeToString(deterministic=True)).hexdigest(),
    )


def _plain(message: Message, kind: type[F], **given: Any) -> F:
    read_off = _READ_OFF.get((type(message), kind)) or _read_off(type(message), kind, tuple(given))
    read = {name: getattr(message, name) for name in read_off.numbers}
    for name in read_off.texts:
        read[name] = getattr(message, name)[:MAX_CHARS]
    for name in read_off.others:
        read[name] = _value(getattr(message, name))
    for name in read_off.optional:
        read[name] = _value(getattr(message, name)) if message.HasField(name) else None
    return kind(**given, **read)


def _read_off(message: type[Message], kind: type[Any], given: tuple[str, ...]) -> ReadOff:
    described = message.DESCRIPTOR.fields_by_name
    names = [field.name for field in fields(kind) if field.name not in given]
    optional = [name for name in names if described[name].message_type is None and described[name].has_presence]
    single = [name for name in names if not described[name].is_repeated and name not in optional]
    texts = [name for name in single if described[name].type == FieldDescriptor.TYPE_STRING]
    made = (FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_MESSAGE)
    numbers = [name for name in single if described[name].cpp_type not in made]
    others = [name for name in names if name not in {*optional, *texts, *numbers}]
    found = ReadOff(numbers=tuple(numbers), texts=tuple(texts), optional=tuple(optional), others=tuple(others))
    return _READ_OFF.setdefault((message, kind), found)


def _value(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return value[:MAX_CHARS]
    if isinstance(value, Timestamp):
        return min(max(value.seconds, 0), MAX_TIME_S) + min(max(value.nanos, 0), 999_999_999) / 1e9
    if isinstance(value, Mapping):
        return {name[:MAX_CHARS]: number for name, number in sorted(value.items())[:MAX_NAMES]}
    return tuple(part[:MAX_CHARS] if isinstance(part, str) else _part(part) for part in value[:MAX_PARTS])


def _part(part: Message) -> Any:
    return _plain(part, PARTS[type(part)])


class EventConsumer:
    """Consumes the log into the board and notifies whoever watches; passes requests on to the audit record, and
    changes of alerts to the notifier."""

    def __init__(
        self,
        board: Board,
        changed: Callable[[], None],
        count: Callable[[str], None],
        note_request: Callable[[Request], Awaitable[None]],
        note_alert: Callable[[facts.AlertFact, str, Mapping[str, AlertState]], None],
    ) -> None:
        self._board = board
        self._changed = changed
        self._count = count
        self._note_request = note_request
        self._note_alert = note_alert
        #: What was folded last.
        self.place: Place | None = None

    async def __call__(self, message: Message, envelope: Envelope, offset: int) -> None:
        self._count(envelope.type)
        fact = fact_of(message, envelope.event_id)
        if fact is not None:
            self._board.apply(fact, envelope.time.timestamp(), trace_id(envelope.traceparent))
            self._changed()
        if isinstance(fact, facts.AlertFact):
            self._note_alert(fact, envelope.event_id, self._board.alerts)
        request = request_of(message, envelope, offset)
        if request is not None:
            await self._note_request(request)
        self.place = Place(offset=offset, event_id=envelope.event_id)

    async def stray(self, event: Stray) -> None:
        """Something that no event of the contract is: nobody else takes note of it."""
        self._count(STRAY)
        log.warning("log offset %d, %r: %s", event.offset, event.routing_key, event.reason)
        fact = facts.UnknownEvent(
            routing_key=event.routing_key[:MAX_CHARS], reason=event.reason[:MAX_CHARS], at=event.at.timestamp()
        )
        self._board.apply(fact, fact.at)
        self._changed()


def trace_id(traceparent: str | None) -> str:
    return traceparent.split("-")[1] if traceparent else ""
