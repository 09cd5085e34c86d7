"""Metrics that other packages bring, found through Python's entry points.

A package registers a function under the group ``truscore.metrics``. It gets what the report says of the evaluation,
a mapping of plain values with ``category``, ``option``, ``architecture``, ``class_names``, ``metrics`` and
``details`` (diagrams, matrices, rows by class, each image's error), and returns numbers by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from math import isfinite
from typing import Any, Final

GROUP: Final = "truscore.metrics"
MAX_METRICS: Final = 64
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,99}")


def custom_metrics(evaluation: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, str]]:
    """Numbers as ``entry-point.name``, and what went wrong by entry point: hours of training are not lost over it."""
    values: dict[str, float] = {}
    faults: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        try:
            found = _computed(point, evaluation)
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a stranger's code does, the rest goes on
            faults[point.name] = f"{point.value}: {type(error).__name__}: {error}"[:300]
            continue
        values |= {f"{point.name}.{name}": value for name, value in found.items()}
    return dict(sorted(values.items())[:MAX_METRICS]), faults


def _computed(point: EntryPoint, evaluation: Mapping[str, Any]) -> dict[str, float]:
    found = point.load()(evaluation)
    if not isinstance(found, Mapping):
        raise TypeError(f"returned {type(found).__name__}, accepted is a mapping of names to numbers")
    for name, value in found.items():
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise ValueError(f"{name!r} is no name: letters, digits, _, . and -, at most 100, a letter first")
        if not isinstance(value, int | float) or not isfinite(value):
            raise ValueError(f"{name} is {value!r}, accepted are finite numbers")
    return {name: float(value) for name, value in found.items()}
