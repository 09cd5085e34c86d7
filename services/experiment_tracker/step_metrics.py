"""Curves over the optimiser steps, of a bounded size. Pure. The monitor keeps every extreme; the record does not."""

from __future__ import annotations

from collections.abc import Iterator

from services.experiment_tracker.facts import Progressed
from services.experiment_tracker.record import Value

MOST_POINTS = 250  # of a curve over a whole run


def step_values(report: Progressed, at: float) -> Iterator[Value]:
    """The report's points, by the first step of its 250th of the run: what comes again, comes later in that part, or is
    of an attempt that trains the steps once more is the same point, of which the first is kept."""
    span = max(1, -(-report.total_steps // MOST_POINTS))
    step = report.step // span * span
    for name, value in _named(report):
        yield Value(name=name, step=step, value=value, at=at)


def _named(report: Progressed) -> Iterator[tuple[str, float]]:
    yield "step/loss", report.loss
    yield "step/learning_rate", report.learning_rate
    if report.gradient_norm:
        yield "step/gradient_norm", report.gradient_norm
    for name, value in sorted(report.loss_parts.items()):
        yield f"step/loss.{name}", value
