"""The report's curves and matrices as pictures: SVG files, the same for the same figures. K classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN, HEIGHT_IN = 5.6, 3.7
MOST_NAMED = 24  # classes of a matrix that are named and counted; of more, cells are colours only
MOST_SERIES = 12
BLUE, ORANGE, GREEN, GREY = "#3257d6", "#d97706", "#15803d", "#97a3b6"


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    file: str
    title: str


def draw(report: Mapping[str, Any], folder: Path) -> tuple[Drawing, ...]:
    """Draw what a report holds into its folder: losses, scores, learning rate, diagrams and matrices."""
    from matplotlib import rc_context

    # Ids in the file follow from the salt, text becomes paths: no font and no clock shows.
    with rc_context({"svg.hashsalt": "truscore", "font.family": "DejaVu Sans", "font.size": 9}):
        figures = [("losses", "Loss by epoch", _losses(report)), ("scores", "Score by epoch", _scores(report))]
        figures += [
            (f"{diagram['kind'].replace('_', '-')}-{number}", diagram["title"], _diagram(diagram))
            for number, diagram in enumerate(report.get("diagrams", ()), start=1)
            if any(series["x"] for series in diagram["series"])
        ]
        figures += [
            (f"matrix-{number}", f"Confusion of {matrix['title']}", _matrix(matrix))
            for number, matrix in enumerate(report.get("matrices", ()), start=1)
            if matrix["counts"]
        ]
        drawings = []
        for name, title, figure in figures:
            figure.savefig(folder / f"{name}.svg", format="svg", metadata={"Date": None, "Creator": None})
            drawings.append(Drawing(file=f"{name}.svg", title=title))
    return tuple(drawings)


def _axes(*, height_in: float = HEIGHT_IN, width_in: float = WIDTH_IN) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    # A figure of its own, known to no window system.
    figure = Figure(figsize=(width_in, height_in))
    # Room for labels by hand: a layout engine draws everything twice.
    figure.subplots_adjust(left=0.13, right=0.87, bottom=0.14, top=0.96)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#e2e6ec", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _losses(report: Mapping[str, Any]) -> "Figure":
    figure, axes = _axes()
    epochs = report["epochs"]
    validated = [one for one in epochs if one["val_loss"] is not None]
    for name, rows, key, colour in (
        ("training", epochs, "train_loss", BLUE),
        ("validation", validated, "val_loss", ORANGE),
    ):
        axes.plot([one["epoch"] for one in rows], [one[key] for one in rows], color=colour, label=name, marker=".")
    _mark_best(axes, report)
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend(frameon=False)
    return figure


def _scores(report: Mapping[str, Any]) -> "Figure":
    figure, axes = _axes()
    name = report["primary_metric"]
    scored = [one for one in report["epochs"] if name in one["metrics"]]
    axes.plot([one["epoch"] for one in scored], [one["metrics"][name] for one in scored], color=GREEN, marker=".")
    _mark_best(axes, report)
    axes.set(xlabel="epoch", ylabel=name)
    figure.subplots_adjust(right=0.82)
    rates = axes.twinx()
    rates.plot(
        [one["epoch"] for one in report["epochs"]],
        [one["learning_rate"] for one in report["epochs"]],
        color=GREY,
        linestyle=":",
    )
    rates.set_ylabel("learning rate (dotted)", color=GREY)
    rates.spines[["top", "left"]].set_visible(False)
    return figure


def _mark_best(axes: "Axes", report: Mapping[str, Any]) -> None:
    axes.axvline(report["best_epoch"], color=GREY, linestyle="--", linewidth=1)


def _diagram(diagram: Mapping[str, Any]) -> "Figure":
    figure, axes = _axes()
    if diagram["kind"] in ("reliability", "roc"):
        axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    for series in diagram["series"][:MOST_SERIES]:
        marker = "o" if diagram["kind"] == "reliability" or len(series["x"]) < 3 else ""
        axes.plot(series["x"], series["y"], label=series["name"], marker=marker, linewidth=1.5)
    axes.set(xlabel=diagram["x_name"], ylabel=diagram["y_name"], xlim=(0, 1), ylim=(0, 1.02))
    if len(diagram["series"]) > 1:
        axes.legend(frameon=False, fontsize=8)
    return figure


def _matrix(matrix: Mapping[str, Any]) -> "Figure":
    counts_KK = np.asarray(matrix["counts"], dtype=np.float64)
    share_KK = counts_KK / np.maximum(counts_KK.sum(axis=1, keepdims=True), 1)
    named = len(counts_KK) <= MOST_NAMED
    label_in = 0.5 + (0.075 * max(map(len, _shortened(matrix["real"]))) if named else 0.0)
    side_in = min(8.0, max(2.2, 0.45 * len(counts_KK)))
    below_in = 0.5 + 0.6 * (label_in - 0.5)  # names below are slanted
    width_in, height_in = max(WIDTH_IN, side_in + label_in + 0.2), side_in + below_in + 0.1
    left_in = (width_in + label_in - side_in) / 2
    figure, axes = _axes(width_in=width_in, height_in=height_in)
    figure.subplots_adjust(
        left=left_in / width_in, right=(left_in + side_in) / width_in, bottom=below_in / height_in,
        top=1 - 0.1 / height_in,
    )  # fmt: skip
    axes.grid(visible=False)
    axes.imshow(share_KK, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="found", ylabel="real")
    if named:
        places = range(len(counts_KK))
        axes.set_xticks(places, labels=_shortened(matrix["found"]), rotation=35, ha="right")
        axes.set_yticks(places, labels=_shortened(matrix["real"]))
        for row, column in zip(*np.nonzero(counts_KK), strict=True):
            colour = "white" if share_KK[row, column] > 0.55 else "#1a2130"
            axes.text(column, row, _count(counts_KK[row, column]), ha="center", va="center", color=colour, fontsize=8)
    return figure


def _shortened(names: Sequence[str]) -> list[str]:
    # A dollar sign would begin a formula.
    return [(name if len(name) <= 18 else f"{name[:17]}…").replace("$", r"\$") for name in names]


def _count(value: float) -> str:
    return f"{value:.0f}" if value < 10_000 else f"{value / 1e6:.1f}M" if value >= 1e6 else f"{value / 1e3:.0f}k"
