"""What is published of an evaluation's details: curves, confusion and figures by class, within a bound. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.trainer.journal import Evaluated

# Of its JSON in the journal, whose lines end at 1 MiB; a message of the broker is smaller than that.
LIMIT_BYTES: Final = 256 << 10
KINDS: Final = ("diagrams", "matrices", "by_class")


def evaluated(details: Mapping[str, Any], *, epoch: int, custom_metrics: Mapping[str, float]) -> Evaluated:
    """The record of what the report has whole. Diagrams come first; what no longer fits is counted."""
    room, left_out, kept = LIMIT_BYTES, 0, {}
    for kind in KINDS:
        fitting: list[Any] = []
        for part in _plain(details.get(kind, ())):
            size = len(json.dumps(part))
            if size > room:
                left_out += 1
                continue
            room -= size
            fitting.append(part)
        kept[kind] = fitting
    return Evaluated(
        epoch=epoch, split="validation", left_out=left_out, custom_metrics=dict(sorted(custom_metrics.items())), **kept
    )


def _plain(parts: Sequence[Any]) -> list[Any]:
    """As a reader of the journal gets them: lists for tuples, and six digits, which is what a picture shows."""
    text = json.dumps(parts, allow_nan=False)
    found: list[Any] = json.loads(text, parse_float=lambda number: float(f"{float(number):.6g}"))
    return found
