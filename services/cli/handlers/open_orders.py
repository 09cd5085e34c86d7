"""Which orders had no end when the log was copied. Pure: decoded events in, event ids of orders out."""

from collections.abc import Iterable

from google.protobuf.message import Message
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetRejected, DatasetValidated
from truscore.events.v1.model_pb2 import ExportFailed, ModelExported
from truscore.events.v1.order_pb2 import OrderAttached
from truscore.events.v1.training_pb2 import TrainingCancelled, TrainingFailed, TrainingPaused, TrainingStarted


def open_orders(log: Iterable[tuple[str, Message]]) -> list[str]:
    """Event ids of orders (``DatasetReady``) without an end, in the order of the log; a paused run waits as it is.

    ``log``: event id and message of each event, oldest first.
    """
    orders: dict[str, bool] = {}  # whether it asks for a verdict alone
    answered: set[str] = set()
    run_of: dict[str, str] = {}
    resting: set[str] = set()  # runs that ended or are paused
    for event_id, message in log:
        match message:
            case DatasetReady():
                orders.setdefault(event_id, message.validation_only)
            case DatasetRejected():
                answered.add(message.order_event_id)
            case DatasetValidated() if message.validation_only:
                answered.add(message.order_event_id)
            case OrderAttached():
                run_of[message.order_event_id] = message.run_id
            case TrainingPaused() if not message.preempted_by:
                resting.add(message.run_id)
            case TrainingStarted():
                resting.discard(message.run_id)
            case ModelExported() | ExportFailed() | TrainingFailed() | TrainingCancelled():
                resting.add(message.run_id)
    return [order for order in orders if order not in answered and run_of.get(order) not in resting]
