"""The details of an evaluation as a message of the contract."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from truscore.events.v1.training_pb2 import (
    CURVE_KIND_CALIBRATION,
    CURVE_KIND_PRECISION_RECALL,
    CURVE_KIND_ROC,
    CURVE_KIND_THRESHOLD,
    CURVE_KIND_UNSPECIFIED,
    ClassMetrics,
    ConfusionMatrix,
    CurveKind,
    CurveSeries,
    EvaluationCurve,
    TrainingEvaluated,
)

from services.trainer.journal import Evaluated

KINDS: Final[Mapping[str, CurveKind.ValueType]] = {
    "precision_recall": CURVE_KIND_PRECISION_RECALL,
    "roc": CURVE_KIND_ROC,
    "reliability": CURVE_KIND_CALIBRATION,
    "threshold": CURVE_KIND_THRESHOLD,
}


def evaluated_message(run_id: str, attempt: int, record: Evaluated) -> TrainingEvaluated:
    """The record as it is published."""
    return TrainingEvaluated(
        run_id=run_id,
        attempt=attempt,
        epoch=record.epoch,
        split=record.split,
        curves=map(_curve, record.diagrams),
        confusion_matrices=map(_matrix, record.matrices),
        classes=map(_class, record.by_class),
        custom_metrics=record.custom_metrics,
        left_out=record.left_out,
    )


def _curve(diagram: Mapping[str, Any]) -> EvaluationCurve:
    return EvaluationCurve(
        kind=KINDS.get(diagram["kind"], CURVE_KIND_UNSPECIFIED),
        title=diagram["title"],
        x_name=diagram["x_name"],
        y_name=diagram["y_name"],
        series=[
            CurveSeries(name=each["name"], x=each["x"], y=each["y"], counts=each["count"]) for each in diagram["series"]
        ],
    )


def _matrix(matrix: Mapping[str, Any]) -> ConfusionMatrix:
    rows: Sequence[Sequence[int]] = matrix["counts"]
    return ConfusionMatrix(
        title=matrix["title"],
        target_classes=matrix["real"],
        predicted_classes=matrix["found"],
        counts=[count for row in rows for count in row],
    )


def _class(row: Mapping[str, Any]) -> ClassMetrics:
    """A row names its class by its only text; figures that are not defined are null there."""
    names = [value for value in row.values() if isinstance(value, str)]
    numbers = {name: float(value) for name, value in row.items() if isinstance(value, int | float)}
    return ClassMetrics(class_name=names[0] if names else "", metrics=numbers)
