"""A sheet of borders as they were placed: each card whole, and four of its corners at four times their size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.bench.picture_sheet import CELL_PX, write_sheet

ZOOM = 4
TRUE, START, FOUND = (0, 170, 0), (120, 120, 255), (235, 0, 0)
# Columns: which border, and which of its corners, clockwise from the upper left.
CORNERS = (
    ("edge, upper left", 0, 0),
    ("edge, lower right", 0, 2),
    ("printed border, upper left", 1, 0),
    ("printed border, lower right", 1, 2),
)

Points = NDArray[np.float64]
Pair = tuple[Points, Points]  # the corners [4, 2] of the edge and of the printed border


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A card with its true borders, where the stage started, and where it placed them."""

    caption: str
    image_HWC: NDArray[np.uint8]
    true: Pair
    start: Pair
    found: Pair


def draw_borders(path: Path, cards: Sequence[Placed]) -> None:
    """A row for each card. Lines: the true border green, the start blue, what was found red."""
    rows = [
        [(_whole(card), card.caption), *((_corner(card, which, at), "") for _, which, at in CORNERS)] for card in cards
    ]
    write_sheet(path, ["the card", *(name for name, _, _ in CORNERS)], rows)


def _whole(card: Placed) -> Image.Image:
    height, width = card.image_HWC.shape[:2]
    return _drawn(card, origin_2=np.zeros(2), scale=CELL_PX / max(height, width), colours=(FOUND,))


def _corner(card: Placed, which: int, at: int) -> Image.Image:
    height, width = card.image_HWC.shape[:2]
    side = CELL_PX // ZOOM
    origin_2 = np.clip(np.floor(card.true[which][at] - side / 2), 0, (width - side, height - side))
    return _drawn(card, origin_2=origin_2, scale=ZOOM, colours=(START, TRUE, FOUND))


def _drawn(card: Placed, *, origin_2: Points, scale: float, colours: Sequence[tuple[int, int, int]]) -> Image.Image:
    left, upper = (int(place) for place in origin_2)
    side = round(CELL_PX / scale)
    part = Image.fromarray(card.image_HWC[upper : upper + side, left : left + side])
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    cell = Image.new("RGB", (CELL_PX, CELL_PX), "white")
    cell.paste(part.resize((round(part.width * scale), round(part.height * scale)), how))
    draw = ImageDraw.Draw(cell)
    of_colour = {START: card.start, TRUE: card.true, FOUND: card.found}
    for colour in colours:
        for corners_42 in of_colour[colour]:
            points = [tuple(point) for point in ((corners_42 - origin_2) * scale).tolist()]
            draw.line([*points, points[0]], fill=colour, width=1)
    return cell
