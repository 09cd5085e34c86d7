"""What must hold once all orders have ended, whatever was killed on the way. Pure: the event log in, violations out."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message
from truscore.events.v1.dataset_pb2 import DatasetRejected, DatasetValidated
from truscore.events.v1.model_pb2 import ExportFailed, ModelExported
from truscore.events.v1.order_pb2 import OrderAttached
from truscore.events.v1.training_pb2 import EpochCompleted, TrainingCompleted, TrainingFailed, TrainingStarted

# What a full disk is answered with: whoever ordered orders again.
DISK_FULL = "disk_full"
# What a step or an epoch that is done again after a kill may say otherwise: when, how fast and at which attempt.
MEASURED = frozenset(
    {
        "attempt",
        "attempts",
        "duration_s",
        "eta_high_s",
        "eta_low_s",
        "eta_s",
        "images_per_second",
        "loading_s",
        "started_at",
        "validating_s",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedEvent:
    """An event as it lies in the log; ``at`` in seconds since 1970, when it was published."""

    event_id: str
    message: Message
    at: float


def distinct(log: Iterable[LoggedEvent]) -> list[LoggedEvent]:
    """Each event once, where it first lies: a publisher that lost its connection publishes again under the same id."""
    found: dict[str, LoggedEvent] = {}
    for event in log:
        found.setdefault(event.event_id, event)
    return list(found.values())


def runs_of(events: Iterable[LoggedEvent]) -> dict[str, str]:
    """Run by order."""
    attached = (event.message for event in events if isinstance(event.message, OrderAttached))
    return {message.order_event_id: message.run_id for message in attached if message.run_id}


def ended_orders(log: Sequence[LoggedEvent], orders: Iterable[str], *, validated: Collection[str] = ()) -> set[str]:
    """Orders whose run has come to an end, good or bad, and those to be ``validated`` alone that have a verdict.

    An export that a full disk ended is ordered again, and has not ended before that is answered.
    """
    ended, answered = set(), set()
    runs: dict[str, str] = {}
    for message in (event.message for event in log):
        match message:
            case OrderAttached() if message.run_id:
                runs[message.order_event_id] = message.run_id
            case ModelExported():
                ended.add(message.run_id)
            case ExportFailed() if message.code != DISK_FULL:
                ended.add(message.run_id)
            case TrainingFailed() if message.run_id:
                ended.add(message.run_id)
            case DatasetRejected():
                answered.add(message.order_event_id)
            case DatasetValidated() if message.order_event_id in validated:
                answered.add(message.order_event_id)
    return {order for order in orders if runs.get(order) in ended or order in answered}


def violations(
    log: Sequence[LoggedEvent],
    orders: Sequence[str],
    *,
    epochs: int,
    weights_sha256: str,
    validated: Sequence[str] = (),
) -> list[str]:
    """What of lost, doubled, reordered or changed there is; empty where all is as if nothing had been killed.

    ``orders`` are of runs, ``validated`` those of a verdict alone. A run that a full disk ended for good is an answer.
    """
    events = distinct(log)
    runs = runs_of(events)
    found = [f"order {order} was never attached to a run" for order in orders if order not in runs]
    verdicts = Counter(
        event.message.order_event_id
        for event in events
        if isinstance(event.message, (DatasetValidated, DatasetRejected))
    )
    found += [
        f"order {order} has {verdicts[order]} verdicts, expected one"
        for order in (*orders, *validated)
        if verdicts[order] != 1
    ]
    found += [f"order {order} of a verdict alone has a run" for order in validated if order in runs]
    found += [f"event id {event_id} stands for two contents: {differing}" for event_id, differing in _two_faced(log)]
    by_run: dict[str, list[LoggedEvent]] = defaultdict(list)
    for event in events:
        if run_id := getattr(event.message, "run_id", ""):
            by_run[run_id].append(event)
    wanted = {runs[order] for order in orders if order in runs}
    if len(wanted) < sum(order in runs for order in orders):
        found.append("two orders share a run although their requests differ")
    for run_id in sorted(wanted):
        found += [f"{run_id}: {words}" for words in _of_run(by_run[run_id], epochs, weights_sha256)]
    return found


def _two_faced(log: Iterable[LoggedEvent]) -> Iterator[tuple[str, str]]:
    """Event ids, with the message's name and the fields that differ though they are not measured."""
    first: dict[str, Message] = {}
    for event in log:
        one, other = first.setdefault(event.event_id, event.message), event.message
        if one.SerializeToString(deterministic=True) != other.SerializeToString(deterministic=True):
            names = {field.name for field, _ in (*one.ListFields(), *other.ListFields())}
            differing = sorted(name for name in names if getattr(one, name) != getattr(other, name))
            if not MEASURED.issuperset(differing):
                yield event.event_id, f"{type(one).__name__} ({', '.join(differing)})"


def _of_run(events: Sequence[LoggedEvent], epochs: int, weights_sha256: str) -> Iterator[str]:
    messages = [event.message for event in events]
    counts = Counter(type(message).__name__ for message in messages)
    given_up = any(isinstance(message, TrainingFailed) and message.code == DISK_FULL for message in messages)
    expected = 0 if given_up else 1
    for kind in (TrainingCompleted, ModelExported):
        if counts[kind.DESCRIPTOR.name] != expected:
            yield f"{counts[kind.DESCRIPTOR.name]} times {kind.DESCRIPTOR.name}, expected {expected}"
    for message in messages:
        if isinstance(message, (TrainingFailed, ExportFailed)) and message.code != DISK_FULL:
            yield f"{type(message).__name__}: {message.code}: {message.message[:200]}"
        if isinstance(message, TrainingCompleted) and message.weights_sha256 != weights_sha256:
            yield f"weights {message.weights_sha256[:12]}, undisturbed {weights_sha256[:12]}"
    done = [message.epoch for message in messages if isinstance(message, EpochCompleted)]
    if done != list(range(1, (len(done) if given_up else epochs) + 1)):
        yield f"epochs {done}, expected 1 to {epochs}, each once and in order"
    attempts = [message.attempt for message in messages if isinstance(message, TrainingStarted)]
    if attempts != sorted(set(attempts)):
        yield f"attempts {attempts}, expected rising"
    order = [type(message).__name__ for message in messages if isinstance(message, (TrainingCompleted, ModelExported))]
    if order == ["ModelExported", "TrainingCompleted"]:
        yield "exported before it was completed"


def latencies_s(log: Sequence[LoggedEvent], published_at: Mapping[str, float]) -> dict[str, list[float]]:
    """Seconds from an order's publication to its verdict, its run's start and its model, in the order of the log."""
    events = distinct(log)
    runs = runs_of(events)
    began = {runs[order]: at for order, at in published_at.items() if order in runs}
    found: dict[str, list[float]] = {"order_to_verdict": [], "order_to_started": [], "order_to_exported": []}
    started: set[str] = set()
    for event in events:
        run_id = getattr(event.message, "run_id", "")
        order = getattr(event.message, "order_event_id", "")
        if isinstance(event.message, (DatasetValidated, DatasetRejected)) and order in published_at:
            found["order_to_verdict"].append(event.at - published_at[order])
        if isinstance(event.message, TrainingStarted) and run_id in began and run_id not in started:
            started.add(run_id)
            found["order_to_started"].append(event.at - began[run_id])
        if isinstance(event.message, ModelExported) and run_id in began:
            found["order_to_exported"].append(event.at - began[run_id])
    return found
