"""Whether a validated dataset is what its report says. Pure: the report's bytes come from elsewhere."""

from __future__ import annotations

import json
from typing import Any

from truscore.validation.report.signature import BadSignature, Verifier

from services.trainer.plan import TrainingOrder


class ReportMismatch(Exception):
    """The report is not of the dataset that is to be trained on; the message says where they differ."""


def check_report(order: TrainingOrder, report: bytes, *, verifier: Verifier) -> None:
    """Raises ReportMismatch unless this report, whose digest is the order's, accepts this very dataset."""
    try:
        verifier.check(order.report.sha256, key_id=order.key_id, signature=order.signature)
    except BadSignature as error:
        raise ReportMismatch(str(error)) from error
    reported = _reported(report)
    ordered: dict[str, Any] = {
        "accepted": True,
        "dataset_id": order.dataset_id,
        "version": order.version,
        "uri": order.uri,
        "category": order.category,
        "option": order.option,
        "dataset digest": order.dataset_digest,
        "class names": list(order.class_names),
    }
    for name, value in ordered.items():
        if reported[name] != value:
            raise ReportMismatch(f"{name} is {value!r:.200} in the order and {reported[name]!r:.200} in its report")
    if order.index.sha256 != order.dataset_digest:
        raise ReportMismatch(f"the index has digest {order.index.sha256}, the dataset {order.dataset_digest}")


def _reported(report: bytes) -> dict[str, Any]:
    try:
        plain = json.loads(report)
        about, statistics = plain["about"], plain["statistics"] or {"digest": "", "classes": []}
        return {
            "accepted": plain["accepted"],
            **{name: about[name] for name in ("dataset_id", "version", "uri", "category", "option")},
            "dataset digest": statistics["digest"],
            "class names": [row["name"] for row in statistics["classes"]],
        }
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReportMismatch(f"what lies there is no report: {type(error).__name__}: {error}") from error
