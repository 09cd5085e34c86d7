"""Findings of a finished run, written back to the dataset's report."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from truscore.datasets import DatasetIndex
from truscore.validation.catalogue import BY_ID
from truscore.validation.rule import Finding, folded
from truscore.validation.rules.label_errors import PredictedBox, UnfitPredictions, suspect_boxes, suspect_classes

PER_RULE = 200
REPORT_KEYS = {"about", "counts", "families", "findings", "rules", "seal"}


class InvalidReport(ValueError):
    """The text is no report on a dataset."""


def amended_report(report: str, found: Iterable[Finding], *, run_id: str) -> str:
    """The report with the findings of a run among its own, and the digest of the report that it amends.

    The amended report is unsigned, and the verdict stands: what a run doubts is for people to look at.
    Raises InvalidReport.
    """
    plain = _report(report)
    rows = folded(list(found), per_rule=PER_RULE)
    plain["findings"] = [*plain["findings"], *(asdict(row) for row in rows)]
    for row in rows:
        plain["counts"][row.severity.value] += row.count
        plain["families"][BY_ID[row.rule].family.value][row.severity.value] += row.count
    for rule, count in _counted(rows).items():
        known = BY_ID[rule]
        earlier = plain["rules"].get(rule, {}).get("count", 0)
        plain["rules"][rule] = {
            "count": earlier + count,
            "family": known.family.value,
            "finds": known.finds,
            "why": known.why,
            "mend": known.mend,
        }
    plain["about"] |= {"run_id": run_id, "amends_report": hashlib.sha256(report.encode()).hexdigest()}
    plain["seal"] = {"algorithm": "none", "key_id": ""}
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False)


def _report(text: str) -> dict[str, Any]:
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise InvalidReport(f"the report is not JSON: {error}") from error
    if not isinstance(plain, dict) or not plain.keys() >= REPORT_KEYS:
        raise InvalidReport(f"not a report: it lacks some of {', '.join(sorted(REPORT_KEYS))}")
    return plain


def _counted(rows: Iterable[Finding]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.rule] += row.count
    return counts


def suspects(index: DatasetIndex, predictions: str) -> list[Finding]:
    """What out-of-fold predictions, as JSON, cast doubt on. Raises UnfitPredictions.

    {"classes": {PATH: [probability of each class]},
     "boxes": {PATH: [[label from 1, score, x, y, width, height]]}}; either may be left out.
    """
    try:
        plain = json.loads(predictions)
    except ValueError as error:
        raise UnfitPredictions(f"not JSON: {error}") from error
    if not isinstance(plain, dict) or not {"classes", "boxes"} >= plain.keys():
        raise UnfitPredictions("accepted is an object with `classes` and `boxes`, by image path")
    try:
        classes = {path: [float(value) for value in row] for path, row in plain.get("classes", {}).items()}
        boxes = {path: [_box(row) for row in rows] for path, rows in plain.get("boxes", {}).items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise UnfitPredictions(f"predictions are not numbers by image path: {error}") from error
    return [*suspect_classes(index, classes), *suspect_boxes(index, boxes)]


def _box(row: list[Any]) -> PredictedBox:
    label, score, x, y, width, height = row
    return PredictedBox(
        label=int(label), score=float(score), box_xywh=(float(x), float(y), float(width), float(height))
    )
