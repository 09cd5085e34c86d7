"""Findings of a finished run, written back to the dataset's report."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from truscore.datasets import DatasetIndex
from truscore.datasets.shapes.rle import rle_from
from truscore.validation.catalogue import BY_ID
from truscore.validation.rule import Finding, truncated
from truscore.validation.rules.label_errors import (
    InvalidPredictions,
    PredictedBox,
    PredictedMask,
    mask_probabilities,
    suspect_boxes,
    suspect_classes,
    suspect_masks,
)

PER_RULE = 200
REPORT_KEYS = {"about", "counts", "families", "findings", "rules", "seal"}


class InvalidReport(ValueError):
    """The text is no report on a dataset."""


def amended_report(report: str, found: Iterable[Finding], *, run_id: str) -> str:
    """The report with the findings of a run among its own, and the digest of the report that it amends.

    The amended report is unsigned, and the verdict stands: what a run doubts is for people to look at.
    Raises InvalidReport.
    """
    data = _report(report)
    rows = truncated(list(found), per_rule=PER_RULE)
    data["findings"] = [*data["findings"], *(asdict(row) for row in rows)]
    for row in rows:
        data["counts"][row.severity.value] += row.count
        data["families"][BY_ID[row.rule].family.value][row.severity.value] += row.count
    for rule, count in _counted(rows).items():
        known = BY_ID[rule]
        earlier = data["rules"].get(rule, {}).get("count", 0)
        data["rules"][rule] = {
            "count": earlier + count,
            "family": known.family.value,
            "finds": known.finds,
            "why": known.why,
            "mend": known.mend,
        }
    data["about"] |= {"run_id": run_id, "amends_report": hashlib.sha256(report.encode()).hexdigest()}
    data["seal"] = {"algorithm": "none", "key_id": ""}
    return json.dumps(data, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False)


def _report(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InvalidReport(f"the report is not JSON: {error}") from error
    if not isinstance(data, dict) or not data.keys() >= REPORT_KEYS:
        raise InvalidReport(f"not a report: it lacks some of {', '.join(sorted(REPORT_KEYS))}")
    return data


def _counted(rows: Iterable[Finding]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.rule] += row.count
    return counts


def findings_from_predictions(index: DatasetIndex, predictions: str) -> list[Finding]:
    """What out-of-fold predictions, as JSON, cast doubt on. Raises UnfitPredictions.

    {"classes": {PATH: [probability of each class]},
     "boxes": {PATH: [[label from 1, score, x, y, width, height]]},
     "masks": {PATH: [[label from 1, score, {"size": [height, width], "counts": run lengths as COCO has them}]]}};
    each may be left out.
    """
    try:
        data = json.loads(predictions)
    except ValueError as error:
        raise InvalidPredictions(f"not JSON: {error}") from error
    if not isinstance(data, dict) or not {"classes", "boxes", "masks"} >= data.keys():
        raise InvalidPredictions("accepted is an object with `classes`, `boxes` and `masks`, by image path")
    try:
        classes = {path: [float(value) for value in row] for path, row in data.get("classes", {}).items()}
        boxes = {path: [_box(row) for row in rows] for path, rows in data.get("boxes", {}).items()}
        masks = {path: [_mask(row) for row in rows] for path, rows in data.get("masks", {}).items()}
        probabilities = mask_probabilities(index, masks)
    except InvalidPredictions:
        raise
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise InvalidPredictions(f"predictions are not numbers by image path: {error}") from error
    return [*suspect_classes(index, classes), *suspect_boxes(index, boxes), *suspect_masks(index, probabilities)]


def _box(row: list[Any]) -> PredictedBox:
    label, score, x, y, width, height = row
    return PredictedBox(
        label=int(label), score=float(score), box_xywh=(float(x), float(y), float(width), float(height))
    )


def _mask(row: list[Any]) -> PredictedMask:
    label, score, rle = row
    height, width = rle["size"]
    return PredictedMask(label=int(label), score=float(score), rle=rle_from(rle, width=width, height=height))
