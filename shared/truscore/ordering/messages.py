"""Orders and requests of people as messages of the contract."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from google.protobuf import json_format

from truscore.events.v1.control_pb2 import RunCancel, RunPause, RunResume
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.events.v1.model_pb2 import ExportOrdered
from truscore.events.v1.training_pb2 import TrainingSpec
from truscore.recipes.batch_size import with_words_resolved
from truscore.validation.order import DatasetOrder

STEERING: Mapping[str, type[RunCancel] | type[RunPause] | type[RunResume]] = MappingProxyType(
    {"cancel": RunCancel, "pause": RunPause, "resume": RunResume}
)


class InvalidOrder(ValueError):
    """The configuration has a key that the contract has not, or a value of another type."""


def ready_of(order: DatasetOrder, *, requested_by: str = "") -> DatasetReady:
    """The order as its message. Raises InvalidOrder."""
    ready = DatasetReady(
        dataset_id=order.dataset_id,
        version=order.version,
        uri=order.uri,
        format=order.format,
        category=order.category,
        option=order.option,
        export_formats=order.export_formats,
        request_id=order.request_id,
        validation_only=order.validation_only,
        class_names=order.class_names,
        requested_by=requested_by,
    )
    if order.architecture or order.overrides or order.priority or order.time_budget_s:
        training = TrainingSpec(
            architecture=order.architecture, priority=order.priority, time_budget_s=order.time_budget_s
        )
        try:
            json_format.ParseDict(with_words_resolved(order.overrides), training.config)
        except json_format.ParseError as error:
            raise InvalidOrder(str(error)) from error
        ready.training.CopyFrom(training)
    return ready


def request_of(
    verb: str, run_id: str, *, reason: str, requested_by: str, request_id: str
) -> RunCancel | RunPause | RunResume:
    """The request; `verb` is a key of STEERING. To resume needs no reason."""
    event = STEERING[verb](run_id=run_id, requested_by=requested_by, request_id=request_id)
    if not isinstance(event, RunResume):
        event.reason = reason
    return event


def export_of(run_id: str, *, formats: Sequence[str], requested_by: str, request_id: str) -> ExportOrdered:
    """The order of further formats of a finished run."""
    return ExportOrdered(run_id=run_id, formats=formats, requested_by=requested_by, request_id=request_id)
