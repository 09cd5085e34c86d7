"""Who says what to whom: one table of messages, and the queues that follow from it. Pure; touches no socket."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from truscore.bus.errors import UnknownMessage
from truscore.events.v1 import control_pb2, dataset_pb2, model_pb2, order_pb2, search_pb2, telemetry_pb2, training_pb2

EXCHANGE: Final = "truscore.events"
RETRY_EXCHANGE: Final = "truscore.retry"  # headers exchange: the copy names the retry queue it wants
DEAD_EXCHANGE: Final = "truscore.dead"  # direct exchange, routed by service
LOG: Final = "truscore.log"
AUDIT: Final = "truscore.audit"  # the stream of audit records, and the exchange that leads there and nowhere else
RETRY_QUEUE_HEADER: Final = "truscore-retry-queue"

LOG_BYTES: Final = 20 * 2**30
LOG_AGE: Final = "90D"
AUDIT_BYTES: Final = 10 * 2**30  # some ten million records; nothing is dropped for its age
LOG_SEGMENT_BYTES: Final = 64 * 2**20
DELIVERY_LIMIT: Final = 20
# A lease goes back each time its trainer dies or drains; on spot machines that is often and nobody's fault.
LEASE_DELIVERY_LIMIT: Final = 50
LEASE_CONSUMER_TIMEOUT_MS: Final = 7 * 24 * 3600 * 1000
DEAD_LETTERS_MAX: Final = 100_000

Arguments = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Consumer:
    """A service that consumes a message: from an inbox of its own, or by replaying the log."""

    service: str
    inbox: bool = True
    lease: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One message of the contract."""

    routing_key: str
    message: type[Message]
    publishers: tuple[str, ...]
    listeners: tuple[Consumer, ...]
    # Full protobuf name, the `type` on the wire: at hand, as it is asked for with every event.
    type_name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "type_name", str(self.descriptor.full_name))

    @property
    def descriptor(self) -> Descriptor:
        """The message's descriptor."""
        return cast("Descriptor", self.message.DESCRIPTOR)


VALIDATOR, TRAINER, EXPORTER = "dataset-validator", "trainer", "exporter"
MONITOR, TRACKER, ENGINE = "monitor", "experiment-tracker", "grading-engine"
SEARCH = "hyperparameter-search"
PEOPLE = ("studio", "cli", "upstream")
LOG_READERS = (Consumer(service=MONITOR, inbox=False), Consumer(service=TRACKER, inbox=False))


def _row(routing_key: str, message: type[Message], publishers: tuple[str, ...], *inboxes: Consumer) -> Row:
    return Row(routing_key=routing_key, message=message, publishers=publishers, listeners=(*inboxes, *LOG_READERS))


TOPOLOGY: Final[tuple[Row, ...]] = (
    _row("dataset.ready", dataset_pb2.DatasetReady, (*PEOPLE, SEARCH), Consumer(service=VALIDATOR)),
    _row("dataset.progress", dataset_pb2.DatasetProgress, (VALIDATOR,)),
    # The trainer says it again when a run is resumed.
    _row(
        "dataset.validated", dataset_pb2.DatasetValidated, (VALIDATOR, TRAINER), Consumer(service=TRAINER, lease=True)
    ),
    _row("dataset.rejected", dataset_pb2.DatasetRejected, (VALIDATOR,), Consumer(service=SEARCH)),
    # Orders with a priority, past those that wait in the inbox above.
    _row("order.prioritized", order_pb2.OrderPrioritized, (VALIDATOR, TRAINER), Consumer(service=TRAINER, lease=True)),
    _row("order.attached", order_pb2.OrderAttached, (TRAINER,), Consumer(service=SEARCH)),
    _row("training.started", training_pb2.TrainingStarted, (TRAINER,), Consumer(service=SEARCH)),
    _row("training.progressed", training_pb2.TrainingProgressed, (TRAINER,)),
    _row("training.evaluated", training_pb2.TrainingEvaluated, (TRAINER,)),
    _row(
        "training.completed",
        training_pb2.TrainingCompleted,
        (TRAINER,),
        Consumer(service=EXPORTER),
        Consumer(service=SEARCH),
    ),
    _row("training.failed", training_pb2.TrainingFailed, (TRAINER,), Consumer(service=SEARCH)),
    _row("training.cancelled", training_pb2.TrainingCancelled, (TRAINER,), Consumer(service=SEARCH)),
    _row("training.paused", training_pb2.TrainingPaused, (TRAINER,)),
    _row("epoch.completed", training_pb2.EpochCompleted, (TRAINER,), Consumer(service=SEARCH)),
    _row("export.ordered", model_pb2.ExportOrdered, (*PEOPLE, SEARCH), Consumer(service=EXPORTER)),
    # Grading engines are no service of ours: they bind queues of their own.
    _row(
        "model.exported",
        model_pb2.ModelExported,
        (EXPORTER,),
        Consumer(service=ENGINE, inbox=False),
        Consumer(service=SEARCH),
        Consumer(service=TRACKER),
    ),
    _row("export.failed", model_pb2.ExportFailed, (EXPORTER,), Consumer(service=SEARCH)),
    _row("model.promote", model_pb2.ModelPromote, PEOPLE, Consumer(service=TRACKER)),
    _row("model.promoted", model_pb2.ModelPromoted, (TRACKER,), Consumer(service=ENGINE, inbox=False)),
    _row("model.promotion_refused", model_pb2.ModelPromotionRefused, (TRACKER,)),
    _row("hardware.sampled", telemetry_pb2.HardwareSampled, (VALIDATOR, TRAINER, EXPORTER)),
    _row("run.cancel", control_pb2.RunCancel, (*PEOPLE, SEARCH), Consumer(service=TRAINER)),
    _row("run.pause", control_pb2.RunPause, PEOPLE, Consumer(service=TRAINER)),
    _row("run.resume", control_pb2.RunResume, PEOPLE, Consumer(service=TRAINER)),
    # Who brings dead letters back does it on the broker; this says so to the log.
    _row("letters.replay", control_pb2.DeadLettersReplay, ("cli", "studio")),
    _row("letters.discard", control_pb2.DeadLettersDiscard, ("cli",)),
    _row("action.recorded", control_pb2.ActionRecorded, ("studio",)),
    # Deleting is done at the command line, with the rights of its user of the store.
    _row("retention.ordered", control_pb2.RetentionOrdered, ("cli",)),
    _row("retention.deleted", control_pb2.ObjectsDeleted, ("cli",)),
    _row("search.ordered", search_pb2.SearchOrdered, PEOPLE, Consumer(service=SEARCH)),
    _row("search.cancel", search_pb2.SearchCancel, PEOPLE, Consumer(service=SEARCH)),
    _row("search.accepted", search_pb2.SearchAccepted, (SEARCH,)),
    _row("search.refused", search_pb2.SearchRefused, (SEARCH,)),
    _row("search.progressed", search_pb2.SearchProgressed, (SEARCH,)),
    _row("search.completed", search_pb2.SearchCompleted, (SEARCH,)),
    _row("search.failed", search_pb2.SearchFailed, (SEARCH,)),
    _row("search.cancelled", search_pb2.SearchCancelled, (SEARCH,)),
    # The tracker's is about MLflow, which nobody else talks to.
    _row("alert.raised", telemetry_pb2.AlertRaised, (MONITOR, TRACKER)),
    _row("alert.cleared", telemetry_pb2.AlertCleared, (MONITOR, TRACKER)),
    # People say so to the monitor, by gRPC.
    _row("alert.acknowledged", telemetry_pb2.AlertAcknowledged, (MONITOR,)),
)

_BY_TYPE: Final = {row.type_name: row for row in TOPOLOGY}
_BY_KEY: Final = {row.routing_key: row for row in TOPOLOGY}


def row_of(message: type[Message] | Message) -> Row:
    """The row of a message or its class; UnknownMessage where the topology has none."""
    return row_named(message.DESCRIPTOR.full_name)


def row_named(type_name: str) -> Row:
    """The row of a full protobuf name."""
    try:
        return _BY_TYPE[type_name]
    except KeyError:
        raise UnknownMessage(f"unknown type {type_name!r}; the contract has {', '.join(sorted(_BY_TYPE))}") from None


def row_routed(routing_key: str) -> Row:
    """The row of a routing key."""
    try:
        return _BY_KEY[routing_key]
    except KeyError:
        known = ", ".join(sorted(_BY_KEY))
        raise UnknownMessage(f"unknown routing key {routing_key!r}; the contract has {known}") from None


def inbox_name(service: str, message: type[Message] | str) -> str:
    """Name of a service's inbox, `<service>.<routing key>`, for a message class or a routing key."""
    return f"{service}.{message if isinstance(message, str) else row_of(message).routing_key}"


def dead_name(service: str) -> str:
    """Name of the queue of a service's dead letters."""
    return f"{service}.dead"


def waiting_name(service: str) -> str:
    """Name of the queue where dead letters wait that found the service's full; its routing key, too."""
    return f"{dead_name(service)}.waiting"


def retry_name(service: str, delay_s: float) -> str:
    """Name of the queue where a service's failed messages wait `delay_s` seconds."""
    return f"{service}.retry.{round(delay_s * 1000)}ms"


def inboxes() -> Iterator[tuple[Row, Consumer]]:
    """Every inbox of our own services."""
    return ((row, listener) for row in TOPOLOGY for listener in row.listeners if listener.inbox)


def inbox_arguments(service: str, *, lease: bool) -> Arguments:
    """Arguments of an inbox: what the broker gives up on goes to the dead letters and is never dropped on the way."""
    arguments: Arguments = {
        "x-queue-type": "quorum",
        "x-delivery-limit": LEASE_DELIVERY_LIMIT if lease else DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD_EXCHANGE,
        "x-dead-letter-routing-key": service,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    # Heeded from RabbitMQ 3.12; older ones take the broker's own consumer_timeout.
    return arguments | ({"x-consumer-timeout": LEASE_CONSUMER_TIMEOUT_MS} if lease else {})


def retry_arguments(delay_s: float) -> Arguments:
    """Arguments of a retry queue: after the delay the copy goes by its routing key, the inbox's name, back home."""
    return {
        "x-queue-type": "quorum",
        "x-message-ttl": round(delay_s * 1000),
        "x-dead-letter-exchange": "",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def dead_arguments() -> Arguments:
    """Arguments of the dead letters' queue: bounded, and full means refused, not forgotten."""
    return {
        "x-queue-type": "quorum",
        "x-max-length": DEAD_LETTERS_MAX,
        "x-overflow": "reject-publish",
        # Looking at a letter counts as a delivery, and RabbitMQ 4 drops after 20 where no limit is set.
        "x-delivery-limit": 1_000_000,
    }


def waiting_arguments() -> Arguments:
    """Arguments of the queue of dead letters that wait for room: as large as the broker's disk."""
    return {"x-queue-type": "quorum", "x-overflow": "reject-publish", "x-delivery-limit": 1_000_000}


def passing_arguments() -> Arguments:
    """Arguments of an instance's own queue: gone a minute after the instance, so that it outlives a reconnect."""
    return {"x-queue-type": "classic", "x-expires": 60_000, "x-max-length": 10_000}


def log_arguments() -> Arguments:
    """Arguments of the event log: a stream that keeps what is both young and small enough."""
    return {
        "x-queue-type": "stream",
        "x-max-length-bytes": LOG_BYTES,
        "x-max-age": LOG_AGE,
        "x-stream-max-segment-size-bytes": LOG_SEGMENT_BYTES,
    }


def audit_arguments() -> Arguments:
    """Arguments of the audit record: a stream, in which nothing that is written can be changed."""
    return {
        "x-queue-type": "stream",
        "x-max-length-bytes": AUDIT_BYTES,
        "x-stream-max-segment-size-bytes": LOG_SEGMENT_BYTES,
    }
