"""Runs side by side: parameters that differ, metrics with their intervals, curves together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from truscore.catalog.purpose import larger_is_better, score_of

from services.studio.reports.dashboard import Plain, metric_rows

LEAST_RUNS: Final = 2
MOST_RUNS: Final = 20
NONE: Final = "—"


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One run: the monitor's view, its resolved configuration, and its report where it has one."""

    view: Mapping[str, Any]
    configuration: Mapping[str, Any]
    report: Mapping[str, Any]


def compared(runs: Sequence[Compared]) -> Plain:
    return {
        "runs": [_run(run) for run in runs],
        "parameters": _differing([_parameters(run) for run in runs]),
        "metrics": _metrics(runs),
    }


def _run(run: Compared) -> Plain:
    view = run.view
    shown = ("run_id", "state", "dataset_id", "dataset_version", "architecture", "fit_for_use")
    epochs = run.report.get("epochs") or view["epochs"]
    kept = ("epoch", "train_loss", "val_loss", "learning_rate", "metrics")
    return {
        **{key: view[key] for key in shown},
        "best_epoch": run.report.get("best_epoch", view["best_epoch"]),
        "primary_metric": run.report.get("primary_metric", ""),
        "epochs": [{key: epoch.get(key) for key in kept} for epoch in epochs],
    }


def _parameters(run: Compared) -> dict[str, str]:
    dataset = {"dataset": run.view["dataset_id"], "dataset version": run.view["dataset_version"]}
    digest = (run.report.get("dataset") or {}).get("digest", "")
    flat = dict(_flat(run.configuration))
    return {**dataset, "dataset digest": digest[:12], **flat}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


def _differing(parameters: Sequence[Mapping[str, str]]) -> list[Plain]:
    """Rows whose values are not the same in all runs, by name; of one that a run lacks a dash."""
    names = dict.fromkeys(name for each in parameters for name in each)
    rows = [{"name": name, "values": [each.get(name, "") or NONE for each in parameters]} for name in names]
    return [row for row in rows if len(set(row["values"])) > 1]


def _metrics(runs: Sequence[Compared]) -> list[Plain]:
    """Of each metric every run's values, None where a run has none, and which has the best on validation images."""
    tables = [{row["name"]: row for row in metric_rows(run.report)} for run in runs]
    rows = []
    for name in dict.fromkeys(name for table in tables for name in table):
        cells = [_cell(table.get(name)) for table in tables]
        scores = [score_of(name, cell["value"]) for cell in cells if cell is not None and cell["value"] is not None]
        if not scores:
            continue
        best = max(scores)
        rows.append(
            {
                "name": name,
                "larger_is_better": larger_is_better(name),
                "purpose": any(table[name]["purpose"] for table in tables if name in table),
                "cells": cells,
                "best": [
                    cell is not None and cell["value"] is not None and score_of(name, cell["value"]) == best
                    for cell in cells
                ],
            }
        )
    return rows


def _cell(row: Mapping[str, Any] | None) -> Plain | None:
    return None if row is None else {
        "value": row["validation"], "lower": row["lower"], "upper": row["upper"], "test": row["test"]
    }  # fmt: skip
