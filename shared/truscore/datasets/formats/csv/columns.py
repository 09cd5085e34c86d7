"""What the columns of a table say of images: their names first, their values where the names leave it open."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType
from urllib.parse import unquote

from truscore.datasets.paths import IMAGE_SUFFIXES

CLASS_PREFIX, SCORE_PREFIX = "class:", "score:"
BOX_COLUMNS = ("xmin", "ymin", "xmax", "ymax")
_BOX_ALIASES = MappingProxyType(
    {"x1": "xmin", "y1": "ymin", "x2": "xmax", "y2": "ymax", "x_min": "xmin", "y_min": "ymin"}
    | {"x_max": "xmax", "y_max": "ymax", "left": "xmin", "top": "ymin", "right": "xmax", "bottom": "ymax"}
)
_IMAGES = frozenset(
    {"filename", "file", "file_name", "image", "images", "image_path", "path", "img", "picture", "photo"}
)
_LABELS = frozenset(
    {"class", "classes", "class_name", "label", "labels", "category", "condition", "grade", "psa", "psa_grade", "bgs"}
    | {"damage", "damages", "damage_classes", "defect", "defects", "tags", "quality", "quality_grade"}
)
_SCORES = frozenset({"score", "sharpness", "sharpness_score", "rating", "centering", "centring"})
# Columns that describe the table or the file, not about what is on the picture.
_BOOKKEEPING = frozenset(
    {"id", "sku", "index", "idx", "row", "width", "height", "depth", "channels", "split", "set", "fold", "url", "price"}
    | {"date", "time", "timestamp", "size", "size_bytes", "sha256", "md5", "", "unnamed: 0", "group", "difficult"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Places of the columns by what they mean; `unused` are the names of those that say nothing to us."""

    image: int
    label: int | None = None
    classes: Mapping[str, int] = field(default_factory=dict)  # one column of 0 and 1 for each class
    scores: Mapping[str, int] = field(default_factory=dict)
    box: Mapping[str, int] = field(default_factory=dict)
    size: Mapping[str, int] = field(default_factory=dict)
    unused: tuple[str, ...] = ()

    @property
    def has_labels(self) -> bool:
        return self.label is not None or bool(self.classes or self.scores)


def columns_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Columns | None:
    """The columns' meanings; None where none of them names images."""
    names = [name.strip().lower() for name in header]
    values = {at: [row[at].strip() for row in rows if at < len(row) and row[at].strip()] for at in range(len(names))}
    image = next((at for at, name in enumerate(names) if name in _IMAGES and _mostly_images(values[at])), None)
    if image is None:
        image = next((at for at in range(len(names)) if _mostly_images(values[at])), None)
    if image is None:
        return None
    box = {_BOX_ALIASES.get(name, name): at for at, name in enumerate(names)}
    box = {side: box[side] for side in BOX_COLUMNS if side in box}
    return _sorted_out(header, names, values, image, box if len(box) == len(BOX_COLUMNS) else {})


def _sorted_out(
    header: Sequence[str], names: Sequence[str], values: Mapping[int, Sequence[str]], image: int, box: Mapping[str, int]
) -> Columns:
    label = next((at for at, name in enumerate(names) if name in _LABELS and at != image), None)
    classes: dict[str, int] = {}
    scores: dict[str, int] = {}
    unused: list[str] = []
    for at, name in enumerate(names):
        if at in {image, label, *box.values()}:
            continue
        if name.startswith(CLASS_PREFIX):
            classes[header[at].strip()[len(CLASS_PREFIX) :]] = at
        elif name.startswith(SCORE_PREFIX):
            scores[header[at].strip()[len(SCORE_PREFIX) :]] = at
        elif box or name in _BOOKKEEPING or not values[at] or not all(map(is_number, values[at])):
            if name not in {"width", "height"}:
                unused.append(header[at].strip())
        elif name not in _SCORES and set(values[at]) <= {"0", "1", "0.0", "1.0"}:
            classes[header[at].strip()] = at
        else:
            scores[header[at].strip()] = at
    size = {name: names.index(name) for name in ("width", "height") if name in names}
    return Columns(
        image=image, label=label, classes=classes, scores=scores, box=box, size=size, unused=tuple(filter(None, unused))
    )


def is_number(text: str) -> bool:
    try:
        return abs(float(text)) < 1e9
    except ValueError:
        return False


def named_file(written: str) -> str:
    """The path in a field; of an address on the web, the file's name alone."""
    name = written.strip()
    scheme, found, rest = name.partition("://")
    # Not urlsplit, which raises for addresses that are none.
    return PurePosixPath(unquote(re.split("[?#]", rest, maxsplit=1)[0])).name if found and scheme else name


def _mostly_images(values: Sequence[str]) -> bool:
    return (
        2 * sum(PurePosixPath(named_file(value)).suffix.lower() in IMAGE_SUFFIXES for value in values) > len(values) > 0
    )
