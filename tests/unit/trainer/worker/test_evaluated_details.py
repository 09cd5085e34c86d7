"""Curves, confusion and figures by class from the metrics to the event, and metrics that other packages bring."""

import json
from pathlib import Path

import numpy as np
import pytest
from truscore.events.v1 import training_pb2
from truscore.metrics.multilabel import MultilabelPrediction, multilabel_diagnostics
from truscore.metrics.plugins import custom_metrics

from services.trainer.handlers.evaluation import evaluated_message
from services.trainer.journal import Evaluated, Journal, records_of
from services.trainer.worker.evaluated_details import LIMIT_BYTES, evaluated
from tests.plugins.installed import write_metadata

CLASSES = ("crease", "stain", "scratch")


def details() -> dict[str, object]:
    """Of a network that is right most of the time."""
    random = np.random.default_rng(3)
    predictions = []
    for image in range(60):
        target = random.random(3) < 0.4
        probabilities = np.clip(0.5 + (target - 0.5) * 0.6 + random.normal(0, 0.2, 3), 0, 1)
        predictions.append(
            MultilabelPrediction(
                image=image, target=tuple(map(bool, target)), probabilities=tuple(map(float, probabilities))
            )
        )
    return multilabel_diagnostics(predictions, CLASSES).to_plain()


def through_the_journal(record: Evaluated, folder: Path) -> training_pb2.TrainingEvaluated:
    with Journal(folder / "journal.jsonl") as journal:
        journal.append(record)
    (read,) = records_of(folder / "journal.jsonl")
    assert isinstance(read, Evaluated)
    return evaluated_message("run-1", 2, read)


def test_what_the_report_draws_is_in_the_event(tmp_path: Path) -> None:
    whole = details()
    event = through_the_journal(evaluated(whole, epoch=7, custom_metrics={"costs.missed": 3.0}), tmp_path)
    assert (event.run_id, event.attempt, event.epoch, event.split, event.left_out) == ("run-1", 2, 7, "validation", 0)
    kinds = [training_pb2.CurveKind.Name(curve.kind) for curve in event.curves]
    assert kinds == ["CURVE_KIND_PRECISION_RECALL", "CURVE_KIND_ROC", "CURVE_KIND_CALIBRATION"]
    roc = event.curves[1].series[0]
    assert roc.name == "crease"
    assert len(roc.x) == len(roc.y) > 10
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    assert sum(event.curves[2].series[0].counts) == 60 * 3
    (matrix,) = event.confusion_matrices
    assert len(matrix.counts) == len(matrix.target_classes) * len(matrix.predicted_classes)
    assert [each.class_name for each in event.classes] == list(CLASSES)
    assert all(0 < each.metrics["F1"] <= 1 for each in event.classes)
    assert event.custom_metrics["costs.missed"] == 3.0


def test_what_is_too_large_is_left_out_and_counted(tmp_path: Path) -> None:
    long = {"name": "a", "x": [0.123456] * 40_000, "y": [0.5] * 40_000, "count": []}
    large = {"kind": "roc", "title": "large", "x_name": "x", "y_name": "y", "series": [long]}
    whole = details()
    record = evaluated({**whole, "diagrams": [large, *whole["diagrams"]]}, epoch=1, custom_metrics={})  # type: ignore[misc]
    assert record.left_out == 1
    event = through_the_journal(record, tmp_path)
    assert [curve.title for curve in event.curves] == [each["title"] for each in whole["diagrams"]]  # type: ignore[attr-defined]
    assert len(json.dumps(record.diagrams)) < LIMIT_BYTES


@pytest.mark.parametrize("nothing", [{}, {"error_name": "edge error"}])
def test_a_task_without_curves_has_an_event_without_curves(nothing: dict[str, object], tmp_path: Path) -> None:
    event = through_the_journal(evaluated(nothing, epoch=1, custom_metrics={}), tmp_path)
    assert not event.curves
    assert not event.confusion_matrices


def test_metrics_of_other_packages_are_computed_and_a_broken_one_harms_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "example_metrics.py").write_text(
        "def costs(evaluation):\n"
        "    return {'missed': 10 * sum(row[-1] for row in evaluation['details']['matrices'][0]['counts'])}\n"
        "def broken(evaluation):\n"
        "    return {'ratio': 1 / 0}\n"
        "def endless(evaluation):\n"
        "    return {'value': float('inf')}\n"
    )
    points = {name: f"example_metrics:{name}" for name in ("costs", "broken", "endless")}
    write_metadata(tmp_path, "example-metrics", "1.0", {"truscore.metrics": points})
    monkeypatch.syspath_prepend(tmp_path)
    values, faults = custom_metrics({"details": json.loads(json.dumps(details()))})
    assert list(values) == ["costs.missed"]
    assert values["costs.missed"] % 10 == 0
    assert "ZeroDivisionError" in faults["broken"]
    assert "accepted are finite numbers" in faults["endless"]
