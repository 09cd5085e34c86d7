"""A run's report as its page shows it: metrics, tables, curves, matrices and the worst images. Pure.

Reports of earlier trainers may lack parts; those are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from truscore.catalog.purpose import larger_is_better, score_of

Plain = dict[str, Any]

MOST_ROWS: Final = 200
MOST_SERIES: Final = 12
MOST_NAMED: Final = 40  # classes of a confusion matrix that is shown


def dashboard_of(report: Mapping[str, Any]) -> Plain:
    errors = report.get("errors") or {}
    return {
        "primary_metric": report.get("primary_metric", ""),
        "best_epoch": report.get("best_epoch"),
        "images": (report.get("dataset") or {}).get("images", {}),
        "said": list(_said(report)),
        "fit_for_use": (report.get("comparison") or {}).get("fit_for_use"),
        "metrics": metric_rows(report),
        "diagrams": [*_diagrams(report.get("diagrams") or ()), *_centring(report.get("borders") or {})],
        "matrices": [
            {key: matrix[key] for key in ("title", "real", "found", "counts")}
            for matrix in report.get("matrices") or ()
            if 0 < len(matrix["counts"]) <= MOST_NAMED
        ],
        "tables": list(_tables(report)),
        "error_name": errors.get("error_name", ""),
        "worst": [
            {key: row.get(key) for key in ("image", "error", "text", "picture")} for row in errors.get("worst") or ()
        ],
        "confused": list(errors.get("confused") or ()),
    }


def _said(report: Mapping[str, Any]) -> Iterable[str]:
    """Verdicts in words: fit for use, done learning, what it was bound by."""
    comparison, convergence = report.get("comparison") or {}, report.get("convergence") or {}
    if comparison.get("reason"):
        yield comparison["reason"]
    if convergence.get("advice"):
        yield convergence["advice"]
    yield from (each["text"] for each in (report.get("resources") or {}).get("advice") or () if each.get("text"))


def metric_rows(report: Mapping[str, Any]) -> list[Plain]:
    """Of each metric its values on validation and test images, the 95 % interval of the first, and the best that a
    predictor has which looks at no picture. Those that the model is for come first."""
    comparison = report.get("comparison") or {}
    purposes = list(comparison.get("purpose_metrics") or ())
    validation, test = report.get("validation") or {}, report.get("test") or {}
    intervals, trivial = comparison.get("intervals") or {}, comparison.get("trivial_metrics") or {}
    names = sorted({*validation, *test}, key=lambda name: (name not in purposes, name not in intervals, name))
    rows = []
    for name in names:
        others = [(score_of(name, values[name]), values[name]) for values in trivial.values() if name in values]
        interval = intervals.get(name) or {}
        rows.append(
            {
                "name": name,
                "purpose": name in purposes,
                "larger_is_better": larger_is_better(name),
                "validation": validation.get(name),
                "test": test.get(name),
                "lower": interval.get("lower"),
                "upper": interval.get("upper"),
                "trivial": max(others)[1] if others else None,
            }
        )
    return rows[:MOST_ROWS]


def _diagrams(diagrams: Sequence[Mapping[str, Any]]) -> Iterable[Plain]:
    for diagram in diagrams:
        series = [
            {"name": one["name"], "points": [list(pair) for pair in zip(one["x"], one["y"], strict=False)]}
            for one in diagram["series"][:MOST_SERIES]
            if one["x"]
        ]
        if series:
            names = {key: diagram[key] for key in ("kind", "title", "x_name", "y_name")}
            yield {**names, "series": series, "square": True}


def _centring(borders: Mapping[str, Any]) -> Iterable[Plain]:
    """Found against real shares, of cards whose centring was measured."""
    rows = [row for row in borders.get("centring") or () if row.get("found") and row.get("real")]
    if rows:
        yield {
            "kind": "scatter",
            "title": "centring, found against real",
            "x_name": "real, %",
            "y_name": "found, %",
            "square": False,
            "series": [
                {"name": name, "points": [[row["real"][axis], row["found"][axis]] for row in rows]}
                for axis, name in enumerate(("left", "top"))
            ],
        }


def _tables(report: Mapping[str, Any]) -> Iterable[Plain]:
    folds = [{"fold": each["fold"], **each["metrics"]} for each in report.get("folds") or ()]
    spreads = (report.get("cross_validation") or {}).get("spreads") or {}
    for title, rows in (
        ("By class", report.get("by_class")),
        ("By size", report.get("by_size")),
        ("Folds of the cross-validation", folds),
        ("Spread over the folds", [{"metric": name, **values} for name, values in spreads.items()]),
        ("Edges of borders, in pixels of the original images", (report.get("borders") or {}).get("edges_by_side")),
    ):
        if rows:
            found = [dict(row) for row in rows[:MOST_ROWS]]
            columns = sorted(dict.fromkeys(key for row in found for key in row), key=_words_first(found))
            yield {"title": title, "columns": columns, "rows": [[row.get(key) for key in columns] for row in found]}


def _words_first(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Names before numbers, otherwise by name."""
    return lambda key: (not any(isinstance(row.get(key), str) for row in rows), key)
