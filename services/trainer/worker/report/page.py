"""The report as one page: no scripts, nothing fetched from elsewhere, the same for the same report."""

import base64
import io
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.trainer.worker.report.performance import PHASES

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE = "page.html.jinja"
FILE = "report.html"
PICTURE_PX = 480
JPEG_QUALITY = 80
SPREAD = ("mean", "deviation", "least", "most")
# Of the phases, as the bar shows them.
COLOURS = dict(zip(PHASES, ("#3257d6", "#d97706", "#15803d", "#8b5cf6"), strict=True))


def render(report: Mapping[str, Any], folder: Path) -> str:
    """The page of a report whose drawings and pictures lie in the folder."""
    return _template().render(
        report=report,
        kept_epoch=_kept_epoch(report),
        recipe=_leaves(report["recipe"]),
        metrics=sorted({*report["validation"], *report["test"]}),
        trivial=list(report["comparison"]["trivial_metrics"]),
        phases=_phases(report["performance"]),
        drawings=[{**one, "address": _svg(folder / one["file"])} for one in report["drawings"]],
        pictures=[{**one, "address": _jpeg(folder / one["file"])} for one in report.get("pictures", ())],
        tables=[(title, table) for title, rows in _row_sets(report) if (table := _table(rows))],
        folds=_table([_fold(place, one) for place, one in _counted(report["folds"])]),
        spreads=_table(_spreads(report["cross_validation"])),
    )


@cache
def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure_text
    return environment.get_template(TEMPLATE)


def figure_text(value: Any) -> str:
    """A cell's text: numbers to four digits, nothing as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _kept_epoch(report: Mapping[str, Any]) -> str:
    """Which epoch the model is from, and by what it was chosen: other metrics may be higher in other epochs."""
    if report["recipe"]["hyperparameters"]["training_process"]["checkpoint_saving"] == "latest":
        return "the last epoch"
    measured = any(report["primary_metric"] in epoch["metrics"] for epoch in report["epochs"])
    return f"best epoch, by {report['primary_metric'].replace('_', ' ') if measured else 'validation loss'}"


def _row_sets(report: Mapping[str, Any]) -> list[tuple[str, Sequence[Mapping[str, Any]]]]:
    borders = report.get("borders", {})
    centrings = [_centring(one) for one in borders.get("centring", ())]
    return [
        ("By class", report.get("by_class", ())),
        ("By size", report.get("by_size", ())),
        ("Edges of borders, in pixels of the original images", borders.get("edges_by_side", ())),
        ("Centring: percent of the left and of the upper margin", centrings),
    ]


def _centring(one: Mapping[str, Any]) -> dict[str, Any]:
    predicted = one["found"] or (None, None)
    return {
        "image": one["image"], "left, real": one["real"][0], "left, found": predicted[0], "top, real": one["real"][1],
        "top, found": predicted[1],
    }  # fmt: skip


def _fold(place: int, fold: Mapping[str, Any]) -> dict[str, Any]:
    images = {"images evaluated": fold["images"]["held_out"]} if "images" in fold else {}
    extra = {name: fold[name] for name in ("loss", "note") if fold.get(name)}
    return {"fold": fold.get("fold", place), **images, **fold["metrics"], **extra}


def _spreads(validated: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of each metric: over the folds, and over all their images at once."""
    return [
        {"metric": name, **{part: spread[part] for part in SPREAD}, "all images": validated["pooled"].get(name)}
        for name, spread in validated["spreads"].items()
    ]


def _table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Columns in the order in which the rows bring them."""
    if not rows:
        return None
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return {"columns": columns, "rows": [[row.get(name) for name in columns] for row in rows]}


def _phases(performance: Mapping[str, Any]) -> list[dict[str, Any]]:
    total = sum(performance["seconds"].values())
    return [
        {"name": name, "seconds": seconds, "percent": round(100 * seconds / total, 1), "colour": COLOURS[name]}
        for name, seconds in performance["seconds"].items()
        if total > 0
    ]


def _leaves(tree: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in tree.items():
        rows += _leaves(value, f"{above}{name}.") if isinstance(value, Mapping) else [(f"{above}{name}", str(value))]
    return rows


def _counted(rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, Mapping[str, Any]]]:
    return list(enumerate(rows, start=1))


def _svg(path: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()


def _jpeg(path: Path) -> str:
    from PIL import Image

    with Image.open(path) as picture:
        small = picture.convert("RGB")
    small.thumbnail((PICTURE_PX, PICTURE_PX))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
