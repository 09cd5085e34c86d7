"""Corners and edges of cards seen from near, with the damage on them. Array legend: H height, W width, C colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from truscore.synthesis.design import CARD_HEIGHT_MM, CARD_WIDTH_MM, Design, draw_design
from truscore.synthesis.outline import card_outline, coverage
from truscore.synthesis.painting import paint_card
from truscore.synthesis.surface import paint_surface
from truscore.synthesis.texture import clouds

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]
    Map = NDArray[np.float32]

VIEW_MM = 12.0  # what the picture's shorter side shows
UNHARMED_SHARE = 0.15  # of pictures


@dataclass(frozen=True, kw_only=True, slots=True)
class Damaged:
    """A picture, and for each of its pixels the label of the damage it shows, 0 for none."""

    image_HWC: NDArray[np.uint8]
    labels_HW: NDArray[np.uint8]


def render_damaged(rng: Generator, width: int, height: int, *, option: str) -> Damaged:
    """A corner for ``damage_detection``, a stretch of an edge for ``wear_detection``; about one in seven unharmed."""
    px_per_mm = min(width, height) / VIEW_MM
    design = draw_design(rng)
    view = _view(rng, design, px_per_mm, width, height, at_corner=option == "damage_detection")
    labels_HW = np.zeros((height, width), dtype=np.uint8)
    harmed = rng.random() >= UNHARMED_SHARE
    for label, harm in enumerate(_HARMS[option] if harmed else (), start=1):
        if label == 1 or rng.random() < 0.6:
            labels_HW[harm(rng, view)] = label
    seen_HWC = view.table_HWC + (view.card_HWC - view.table_HWC) * view.covered_HW[..., None]
    # Turned last: the four corners and edges of a card differ in where they point, and in nothing else.
    turns = int(rng.integers(4)) if width == height else 2 * int(rng.integers(2))
    image_HWC = _exposed(rng, np.rot90(seen_HWC, turns))
    return Damaged(image_HWC=image_HWC, labels_HW=np.ascontiguousarray(np.rot90(labels_HW, turns)))


@dataclass(kw_only=True, slots=True)
class _View:
    """What harms are done to: the card, the table below it, and how much of each pixel is card."""

    card_HWC: Picture
    table_HWC: Picture
    covered_HW: Map
    px_per_mm: float
    inside_mm_HW: Map  # from the nearest edge of the card, negative beyond it
    corner_mm_HW: Map  # from the upper left corner of the card
    bright_stock: bool

    @property
    def size(self) -> tuple[int, int]:
        return self.covered_HW.shape[0], self.covered_HW.shape[1]

    def paint(self, where_HW: NDArray[np.bool_], colour_HWC: Picture, *, strength: float) -> None:
        self.card_HWC[where_HW] += strength * (colour_HWC[where_HW] - self.card_HWC[where_HW])


def _view(rng: Generator, design: Design, px_per_mm: float, width: int, height: int, *, at_corner: bool) -> _View:
    """The card with its upper left corner, or its upper edge, in the picture, some millimetres from the rim."""
    sheet_HWC = paint_card(rng, design, px_per_mm)
    room_mm = rng.uniform(1.2, 3.5, size=2)
    left_mm = -room_mm[0] if at_corner else rng.uniform(10.0, CARD_WIDTH_MM - 10.0 - width / px_per_mm)
    left, top = round(left_mm * px_per_mm), round(-room_mm[1] * px_per_mm)
    shift_23 = np.array([[1, 0, -left], [0, 1, -top]], dtype=np.float32)
    card_HWC = cv2.warpAffine(sheet_HWC, shift_23, (width, height), borderMode=cv2.BORDER_REPLICATE)
    outline_N2 = card_outline(design.corner_radius_mm) * px_per_mm - (left, top)
    y_mm, x_mm = np.mgrid[top : top + height, left : left + width].astype(np.float32) / np.float32(px_per_mm)
    inside_mm_HW = np.minimum.reduce([x_mm, y_mm, CARD_WIDTH_MM - x_mm, CARD_HEIGHT_MM - y_mm])
    return _View(
        card_HWC=np.asarray(card_HWC, dtype=np.float32),
        table_HWC=paint_surface(rng, height, width),
        covered_HW=coverage(outline_N2, height, width),
        px_per_mm=px_per_mm,
        inside_mm_HW=inside_mm_HW,
        corner_mm_HW=np.hypot(x_mm, y_mm),
        bright_stock=sum(design.stock_colour) > 450,
    )


def _worn_corner(rng: Generator, view: _View) -> NDArray[np.bool_]:
    """The tip rubbed down to its fibres, raggedly."""
    reach_mm = rng.uniform(1.5, 4.0) * (1 + 0.5 * clouds(rng, *view.size, cells=6))
    worn_HW = (view.corner_mm_HW < reach_mm) & (view.covered_HW > 0.5)
    view.paint(worn_HW, _fibres(rng, view), strength=0.9)
    return worn_HW


def _whitened(rng: Generator, view: _View) -> NDArray[np.bool_]:
    """Stretches of the edge rubbed down to their fibres."""
    width = view.size[1]
    along_W = clouds(rng, 2, width, cells=4)[0] + np.float32(rng.uniform(0.0, 0.4))
    depth_mm_W = np.clip(along_W, 0, None) * rng.uniform(1.2, 2.4)
    worn_HW: NDArray[np.bool_] = (view.inside_mm_HW < depth_mm_W[None, :]) & (view.covered_HW > 0.5)
    view.paint(worn_HW, _fibres(rng, view), strength=0.9)
    return worn_HW


def _scratched(rng: Generator, view: _View) -> NDArray[np.bool_]:
    """A line across the print, with the white of the coating."""
    height, width = view.size
    line_HW = np.zeros((height, width), dtype=np.uint8)
    on_card = np.argwhere(view.inside_mm_HW > 0.5)
    points = on_card[rng.integers(len(on_card), size=2)][:, ::-1].astype(np.float64)
    middle = points.mean(axis=0) + rng.normal(0, 0.06 * width, size=2)
    bent_N2 = np.array([points[0], middle, points[1]]).round().astype(np.int32)
    thickness = max(2, round(rng.uniform(0.2, 0.45) * view.px_per_mm))
    cv2.polylines(line_HW, [bent_N2], False, 1, thickness)
    scratched_HW = (line_HW > 0) & (view.covered_HW > 0.5)
    level = 60.0 if view.card_HWC[scratched_HW].mean() > 170 else 245.0
    view.paint(scratched_HW, np.full_like(view.card_HWC, level), strength=float(rng.uniform(0.6, 0.9)))
    return scratched_HW


def _nicked(rng: Generator, view: _View) -> NDArray[np.bool_]:
    """A bite out of the edge: what is missing is the damage, and the table shows through it."""
    height, width = view.size
    row = int(np.argmax(view.covered_HW[:, width // 2] > 0.5))
    middle = (int(rng.uniform(0.15, 0.85) * width), row)
    axes = (round(rng.uniform(0.8, 1.8) * view.px_per_mm), round(rng.uniform(0.6, 1.4) * view.px_per_mm))
    bite_HW = np.zeros((height, width), dtype=np.uint8)
    cv2.ellipse(bite_HW, middle, axes, float(rng.uniform(-20, 20)), 0, 360, 1, -1)
    nicked_HW = (bite_HW > 0) & (view.covered_HW > 0.5)
    rim_HW = (cv2.dilate(bite_HW, np.ones((3, 3), dtype=np.uint8)) > 0) & ~nicked_HW
    view.paint(rim_HW, _fibres(rng, view), strength=0.8)
    view.covered_HW[nicked_HW] = 0
    return nicked_HW


_HARMS: Mapping[str, tuple[Callable[[Generator, _View], NDArray[np.bool_]], ...]] = {
    "damage_detection": (_worn_corner, _scratched),
    "wear_detection": (_whitened, _nicked),
}


def _fibres(rng: Generator, view: _View) -> Picture:
    """Bare paper: white, or grey with dirt where white would not be told from the stock."""
    height, width = view.size
    level = rng.uniform(120, 160) if view.bright_stock else rng.uniform(215, 245)
    rough_HW = rng.normal(0, 14, size=(height, width)) + 12 * clouds(rng, height, width, cells=16)
    tint_C = np.array([0.0, -3.0, -10.0])
    return np.asarray(level + rough_HW[..., None] + tint_C, dtype=np.float32)


def _exposed(rng: Generator, seen_HWC: Picture) -> NDArray[np.uint8]:
    """Light, white balance and a sensor that is not quite quiet."""
    balance_C = rng.normal(1.0, 0.03, size=3) * rng.uniform(0.85, 1.08)
    noise_HWC = rng.normal(0, rng.uniform(1.0, 4.0), size=seen_HWC.shape)
    return np.asarray(np.clip(np.round(seen_HWC * balance_C + noise_HWC), 0, 255), dtype=np.uint8)
