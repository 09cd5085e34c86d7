"""The report as one page: no scripts, nothing fetched from elsewhere, the same for the same verdict."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from heapq import nsmallest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truscore.datasets import DatasetIndex, ImageRecord
from truscore.validation.report.pictures import Thumbnail, heatmap_url, thumbnail
from truscore.validation.verdict import Verdict

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE = "page.html.jinja"
SAMPLES = 12
PICTURES_PER_RULE = 6
PICTURES = 72
FINDINGS_LISTED = 40
HISTOGRAMS = {
    "brightness": "brightness, mean of each image",
    "contrast": "contrast, tones each image spans",
    "megapixels": "size, megapixels",
    "annotations_per_image": "annotations per image",
    "box_side": "box size, side as a share of the image's",
}
WEIGHT = {"error": 0, "warning": 1, "info": 2}


def report_page(report: str, verdict: Verdict, *, root: Path) -> str:
    """The page of this report (as report_to_json gave it); thumbnails are made from the images below `root`."""
    data = json.loads(report)
    statistics = data["statistics"]
    return _template().render(
        report=data,
        digest=hashlib.sha256(report.encode()).hexdigest(),
        statistics=statistics,
        rules=list(_rules(data, verdict.index, root)),
        samples=list(_samples(verdict.index, root)),
        heat=[{**row, "data_url": heatmap_url(row["thousandths"])} for row in statistics["heat"]] if statistics else [],
        classes=_classes(statistics),
        histogram_names=HISTOGRAMS,
        title=_title(data["about"]),
        about={key: str(data["about"].get(key, "")) for key in ("category", "option", "uri", "path")},
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
    environment.filters["bytes"] = _bytes_text
    return environment.get_template(TEMPLATE)


def _title(about: Mapping[str, Any]) -> str:
    named = "/".join(str(about[key]) for key in ("dataset_id", "version") if about.get(key))
    return named or Path(str(about.get("path", ""))).name or "dataset"


def _rules(data: Mapping[str, Any], index: DatasetIndex | None, root: Path) -> Iterator[dict[str, Any]]:
    """What was found, by rule, errors first; pictures until the page has enough."""
    by_rule: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for found in data["findings"]:
        by_rule[found["rule"]].append(found)
    # Of those that findings may be about, and not of all: there may be a million.
    named = {place for found in data["findings"] for place in _may_mean(found["location"])}
    records = {image.path: image for image in index.images if image.path in named} if index else {}
    left = PICTURES
    for rule, findings in sorted(by_rule.items(), key=lambda row: (WEIGHT[row[1][0]["severity"]], row[0])):
        pictures = list(_pictured(findings, records, index, root, most=min(left, PICTURES_PER_RULE)))
        left -= len(pictures)
        yield {
            "id": rule,
            "severity": findings[0]["severity"],
            **data["rules"][rule],
            "findings": findings[:FINDINGS_LISTED],
            "more": max(0, len(findings) - FINDINGS_LISTED),
            "pictures": pictures,
        }


def _pictured(
    findings: Sequence[Mapping[str, Any]],
    records: Mapping[str, ImageRecord],
    index: DatasetIndex | None,
    root: Path,
    *,
    most: int,
) -> Iterator[Thumbnail]:
    shown: set[str] = set()
    for found in findings:
        path, _, highlighted = _place(found["location"], records)
        if len(shown) >= most:
            return
        if index is None or path in shown or path not in records:
            continue
        picture = thumbnail(
            root, records[path], class_names=index.class_names, highlighted=highlighted, caption=found["message"]
        )
        if picture is not None:
            shown.add(path)
            yield picture


def _place(location: str, records: Mapping[str, ImageRecord]) -> tuple[str, str, str]:
    # A file's own name may have a "#".
    return (location, "", "") if location in records else location.rpartition("#")


def _may_mean(location: str) -> tuple[str, str]:
    return location, location.rpartition("#")[0]


def _samples(index: DatasetIndex | None, root: Path) -> Iterator[Thumbnail]:
    """A few images spread over the dataset, chosen by their content."""
    if index is None:
        return
    chosen = nsmallest(SAMPLES, index.images, key=lambda image: (image.sha256, image.path))
    for image in chosen:
        picture = thumbnail(root, image, class_names=index.class_names)
        if picture is not None:
            yield picture


def _classes(statistics: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Classes with their bars: instances where anything is marked, else images."""
    if not statistics:
        return []
    counted = "instances" if statistics["annotations"] else "images"
    most = max((row[counted] for row in statistics["classes"]), default=0) or 1
    return [{**row, "percent": round(100 * row[counted] / most, 1)} for row in statistics["classes"]]


def _bytes_text(size: int) -> str:
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} B"
