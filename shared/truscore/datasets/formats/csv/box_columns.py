"""Boxes in the columns of a table: which columns, and whether they hold corners, sizes or centres.

What headings leave open, or contradict, the values decide: corners grow, sizes stay inside the image.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from truscore.datasets.formats.csv.text import is_number, number_of

BOX_COLUMNS = ("xmin", "ymin", "xmax", "ymax")
CORNERS, SIZE, CENTRE = "xyxy", "xywh", "cxcywh"
MANNERS = (CORNERS, SIZE, CENTRE)
_PREFIX = re.compile(r"^(?:bbox|bounding ?box|box|bb|rect|roi|region|ann)[_ .\-]*(?=.)")
_SIDES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "left": frozenset({"xmin", "x1", "left", "xtl", "minx", "xleft", "startx", "x1px", "links"}),
        "top": frozenset({"ymin", "y1", "top", "ytl", "miny", "ytop", "starty", "oben"}),
        "right": frozenset({"xmax", "x2", "right", "xbr", "maxx", "xright", "endx", "rechts"}),
        "bottom": frozenset({"ymax", "y2", "bottom", "ybr", "maxy", "ybottom", "endy", "unten"}),
        "x": frozenset({"x", "xcoord", "xpos"}),
        "y": frozenset({"y", "ycoord", "ypos"}),
        "width": frozenset({"w", "bw", "boxwidth", "bboxwidth"}),
        "height": frozenset({"h", "bh", "boxheight", "bboxheight"}),
        "centre_x": frozenset({"cx", "xc", "xcenter", "xcentre", "centerx", "centrex", "xmid"}),
        "centre_y": frozenset({"cy", "yc", "ycenter", "ycentre", "centery", "centrey", "ymid"}),
    }
)
_ONE_FIELD = frozenset({"bbox", "box", "boundingbox", "bboxes", "rect"})
_FOUR_NUMBERS = re.compile(r"[\s\[({]*([^\[\](){}]+?)[\s\])}]*")
_OUTLINE_NAMES = frozenset(
    {"encodedpixels", "rle", "rlemask", "maskrle", "segmentation", "polygon", "polygons", "regionshapeattributes"}
)
_OUTLINE_NUMBERS = 6
_SHARE_OF_OUTLINES = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxColumns:
    """Four columns, or one that holds four numbers. `manner` is what they hold by their headings, "" if left open."""

    places: tuple[int, ...]
    manner: str = ""

    def written(self, row: Sequence[str]) -> list[str]:
        """The four numbers of a row as written; empty texts where none are written."""
        if len(self.places) > 1:
            return [row[at].strip() for at in self.places]
        found = _FOUR_NUMBERS.fullmatch(row[self.places[0]].strip())
        if not found:
            return [""] * 4
        text = found[1].strip()
        return [part for part in re.split(r"[,;\s]+", text) if part] or [""] * 4

    def numbers(self, row: Sequence[str]) -> tuple[float, ...] | None:
        values = [number_of(text) for text in self.written(row)]
        known = tuple(value for value in values if value is not None)
        return known if len(known) == len(values) == 4 else None


def box_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> BoxColumns | None:
    """The box columns by their headings; None where the headings name no box."""
    places: dict[str, int] = {}
    for at, heading in enumerate(header):
        name = heading.strip().casefold()
        bare = re.sub(r"[^a-z0-9]", "", _PREFIX.sub("", name))
        if bare in {"width", "height"}:
            # A prefix says that it is the box's.
            places.setdefault(bare if _PREFIX.match(name) else f"plain_{bare}", at)
        for side, names in _SIDES.items():
            if bare in names:
                places.setdefault(side, at)
        if re.sub(r"[^a-z]", "", name) in _ONE_FIELD and _holds_four(rows, at):
            return BoxColumns(places=(at,))
    places |= _numbered_from_zero(header)
    return _chosen(places, rows)


def _chosen(places: Mapping[str, int], rows: Sequence[Sequence[str]]) -> BoxColumns | None:
    x, y = places.get("x", places.get("left")), places.get("y", places.get("top"))
    width = places.get("width", places.get("plain_width"))
    height = places.get("height", places.get("plain_height"))
    sizes = (width, height)
    candidates = (
        (CORNERS, (places.get("left"), places.get("top"), places.get("right"), places.get("bottom"))),
        (CENTRE, (places.get("centre_x"), places.get("centre_y"), *sizes)),
        (SIZE, (x, y, *sizes)),
    )
    for manner, found in candidates:
        columns = tuple(at for at in found if at is not None)
        if len(columns) == 4 and all(_is_numeric(rows, at) for at in columns):
            return BoxColumns(places=columns, manner=manner)
    return None


def _numbered_from_zero(header: Sequence[str]) -> dict[str, int]:
    """x0, y0, x1, y1: x1 is the right side there."""
    names = [_PREFIX.sub("", heading.strip().casefold()).replace("_", "") for heading in header]
    wanted = {"left": "x0", "top": "y0", "right": "x1", "bottom": "y1"}
    if not set(wanted.values()) <= set(names):
        return {}
    return {side: names.index(name) for side, name in wanted.items()}


def unnamed_box(rows: Sequence[Sequence[str]], *, taken: Collection[int]) -> BoxColumns | None:
    """The only four columns of numbers of a table without headings."""
    width = min(map(len, rows), default=0)
    found = [
        at for at in range(width) if at not in taken and any(row[at].strip() for row in rows) and _is_numeric(rows, at)
    ]
    return BoxColumns(places=tuple(found)) if len(found) == 4 else None


def _is_numeric(rows: Sequence[Sequence[str]], at: int) -> bool:
    values = [row[at].strip() for row in rows if at < len(row) and row[at].strip()]
    return 2 * sum(map(is_number, values)) >= len(values)


def _holds_four(rows: Sequence[Sequence[str]], at: int) -> bool:
    column = BoxColumns(places=(at,))
    written = [row for row in rows if at < len(row) and row[at].strip()]
    return 2 * sum(column.numbers(row) is not None for row in written) > len(written) > 0


def holds_outlines(heading: str, values: Sequence[str]) -> bool:
    """Whether a column describes shapes: run lengths, polygons, shapes as JSON."""
    if re.sub(r"[^a-z]", "", heading.casefold()) in _OUTLINE_NAMES and values:
        return True
    many = sum(_is_outline(value) for value in values)
    return many > _SHARE_OF_OUTLINES * len(values) > 0


def _is_outline(value: str) -> bool:
    words = re.split(r"[\s,;()\[\]]+", value.strip(" []()"))
    return len(words) >= _OUTLINE_NUMBERS and all(map(is_number, words[:_OUTLINE_NUMBERS]))


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxReading:
    """`manner` is one of MANNERS, "" where it could be more than one; `fractions`: of the image's width and height.

    `reason` says what decided, where headings did not.
    """

    manner: str
    fractions: bool = False
    reason: str = ""

    def box_xywh(self, values: Sequence[float], width: int, height: int) -> tuple[float, float, float, float]:
        """The box in pixels of an image so wide and high."""
        across, down = (float(width), float(height)) if self.fractions else (1.0, 1.0)
        x, y, third, fourth = values[0] * across, values[1] * down, values[2] * across, values[3] * down
        if self.manner == CENTRE:
            return x - third / 2, y - fourth / 2, third, fourth
        return (x, y, third, fourth) if self.manner == SIZE else (x, y, third - x, fourth - y)


# What a box is compared with: the image's width and height, or None where they are not known.
Sized = tuple[Sequence[float], tuple[int, int] | None]


def reading_of(boxes: Sequence[Sized], *, manner: str, declared: str = "") -> BoxReading:
    """How the boxes of a table are read: as declared, else as headed unless most of the values contradict that."""
    numbers = [values for values, _ in boxes]
    fractions = bool(numbers) and max((abs(value) for values in numbers for value in values), default=0.0) <= 1.0
    fractions = fractions and any(not float(value).is_integer() for values in numbers for value in values)
    if declared:
        return BoxReading(manner=declared, fractions=fractions, reason=_reason(declared, fractions))
    fits = {name: _fits(boxes, name, fractions=fractions) for name in MANNERS}
    if manner:
        other = {CORNERS: SIZE, SIZE: CORNERS}.get(manner, manner)
        contradicted = numbers and 2 * fits[manner] < len(numbers) and fits[other] == len(numbers) > 1
        taken = other if contradicted else manner
        return BoxReading(manner=taken, fractions=fractions, reason=_reason(taken if contradicted else "", fractions))
    return _open(numbers, fits, fractions)


def _open(numbers: Sequence[Sequence[float]], fits: Mapping[str, int], fractions: bool) -> BoxReading:
    different = len({tuple(values) for values in numbers})
    corners, sizes = fits[CORNERS] == len(numbers), fits[SIZE] == len(numbers)
    # Sizes larger than places, box after box, would be chance; corners near the upper left are common.
    if corners and (not sizes or different >= _LEAST_TO_DECIDE):
        return BoxReading(manner=CORNERS, fractions=fractions, reason=_reason(CORNERS, fractions))
    if sizes and not corners:
        return BoxReading(manner=SIZE, fractions=fractions, reason=_reason(SIZE, fractions))
    return BoxReading(manner="", fractions=fractions)


_LEAST_TO_DECIDE = 5


def _reason(manner: str, fractions: bool) -> str:
    words = {CORNERS: "two corners each", SIZE: "a corner, width and height each", CENTRE: "a centre and a size each"}
    parts = [words[manner]] if manner else []
    return ", ".join([*parts, *(["fractions of the image's width and height"] if fractions else [])])


def _fits(boxes: Sequence[Sized], manner: str, *, fractions: bool) -> int:
    """How many boxes have an area and lie inside their image, give or take a pixel."""
    return sum(_is_inside(values, size, BoxReading(manner=manner, fractions=fractions)) for values, size in boxes)


def _is_inside(values: Sequence[float], size: tuple[int, int] | None, reading: BoxReading) -> bool:
    width, height = size or ((1, 1) if reading.fractions else (0, 0))
    x, y, across, down = reading.box_xywh(values, width, height)
    if across <= 0 or down <= 0 or min(x, y) < -1:
        return False
    return not width or (x + across <= width + 1 and y + down <= height + 1)
