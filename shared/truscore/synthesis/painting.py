"""A flat card, painted. Array legend: H height, W width, C colour (red, green, blue, 0 to 255)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from truscore.synthesis.art import paint_art
from truscore.synthesis.design import CARD_HEIGHT_MM, CARD_WIDTH_MM, Colour, Design
from truscore.synthesis.lettering import small_print, write
from truscore.synthesis.outline import coverage, frame_outline
from truscore.synthesis.texture import blend, clouds, rainbow, ramp

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]


def paint_card(rng: Generator, design: Design, px_per_mm: float) -> Picture:
    """The card as printed and cut, [H, W, C]; corners are not rounded here, the scene cuts them out."""
    height, width = round(CARD_HEIGHT_MM * px_per_mm), round(CARD_WIDTH_MM * px_per_mm)
    card_HWC = _stock(rng, design, height, width)
    print_HWC = np.empty_like(card_HWC)
    print_HWC[:] = design.frame_colour
    LAYOUT_PAINTERS[design.layout](_Sheet(picture_HWC=print_HWC, design=design, px_per_mm=px_per_mm), rng)
    outline_N2 = frame_outline(design.frame) * px_per_mm
    _key_line(print_HWC, outline_N2, design, px_per_mm)
    if design.foil:
        phase_HW = ramp(height, width, 0.9) * 1.6 + clouds(rng, height, width, cells=3) * 0.5
        print_HWC += (rainbow(phase_HW) - print_HWC) * np.float32(design.foil * 0.5)
    inside_HW1 = coverage(outline_N2, height, width)[..., None]
    return np.clip(card_HWC + (print_HWC - card_HWC) * inside_HW1, 0, 255)


def _key_line(print_HWC: Picture, outline_N2: NDArray[np.float64], design: Design, px_per_mm: float) -> None:
    """Where art meets stock of its own colour, only this line tells them apart; its outer half is cut off later."""
    fixed = np.round((outline_N2 - 0.5) * 16).astype(np.int32)
    thickness = max(2, round(2 * design.line_mm * px_per_mm))
    cv2.polylines(print_HWC, [fixed], True, design.frame_colour, thickness, cv2.LINE_AA, shift=4)


def _stock(rng: Generator, design: Design, height: int, width: int) -> Picture:
    colour = np.asarray(design.stock_colour, dtype=np.float32)
    card_HWC = np.broadcast_to(colour, (height, width, 3)).copy()
    if design.stock == "gradient":
        darker = tuple(value * 0.6 for value in design.stock_colour)
        card_HWC = blend(design.stock_colour, darker, ramp(height, width, rng.uniform(0, 3.1)) * 0.5 + 0.5)
    elif design.stock == "stripes":
        stripes_HW = np.sin(ramp(height, width, rng.uniform(0, 3.1)) * rng.uniform(60, 120))
        card_HWC += stripes_HW[..., None] * 9
    elif design.stock == "speckle":
        card_HWC += clouds(rng, height, width, cells=40, octaves=1)[..., None] * 16
    elif design.stock == "foil":
        phase_HW = ramp(height, width, rng.uniform(0, 3.1)) * 1.2
        card_HWC += (rainbow(phase_HW) - card_HWC) * np.float32(0.22)
    return np.asarray(card_HWC + clouds(rng, height, width, cells=5)[..., None] * 3, dtype=np.float32)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sheet:
    """The print, addressed in shares of the frame: (0, 0) its upper left corner, (1, 1) its lower right one."""

    picture_HWC: Picture
    design: Design
    px_per_mm: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        frame, scale = self.design.frame, self.px_per_mm
        right, bottom = CARD_WIDTH_MM - frame.right_mm, CARD_HEIGHT_MM - frame.bottom_mm
        x_mm, y_mm = frame.left_mm + x * (right - frame.left_mm), frame.top_mm + y * (bottom - frame.top_mm)
        return x_mm * scale, y_mm * scale

    def corners(self, x0: float, y0: float, x1: float, y1: float) -> tuple[int, int, int, int]:
        (left, top), (right, bottom) = self.at(x0, y0), self.at(x1, y1)
        return round(left), round(top), round(right), round(bottom)

    def panel(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, *, outlined: bool = True) -> None:
        left, top, right, bottom = self.corners(x0, y0, x1, y1)
        self.picture_HWC[top:bottom, left:right] = colour
        if outlined:
            thickness = max(1, round(self.design.line_mm * self.px_per_mm))
            accent = self.design.accent_colour
            cv2.rectangle(self.picture_HWC, (left, top), (right, bottom), accent, thickness, cv2.LINE_AA)

    def art(self, rng: Generator, x0: float, y0: float, x1: float, y1: float) -> None:
        left, top, right, bottom = self.corners(x0, y0, x1, y1)
        self.picture_HWC[top:bottom, left:right] = paint_art(rng, self.design.art, bottom - top, right - left)

    def line(self, text: str, x: float, y: float, *, mm: float, colour: Colour, anchor: str = "mm") -> None:
        """One line of text, letters `mm` millimetres tall."""
        write(self.picture_HWC, text, at=self.at(x, y), height=mm * self.px_per_mm, colour=colour, anchor=anchor)


_DARK: Colour = (24, 24, 28)
_PALE: Colour = (238, 234, 222)


def _sports(sheet: _Sheet, rng: Generator) -> None:
    """A photograph over the whole frame, a name plate at its foot, a team mark in a corner."""
    sheet.art(rng, 0, 0, 1, 1)
    y = rng.uniform(0.8, 0.88)
    sheet.panel(0, y, 1, min(y + 0.11, 1), sheet.design.frame_colour)
    ink = _PALE if sum(sheet.design.frame_colour) < 380 else _DARK
    sheet.line(sheet.design.name, 0.5, y + 0.055, mm=4.6, colour=ink)
    corner = float(rng.choice((0.13, 0.87)))
    x, top = sheet.at(corner, 0.1)
    radius = round(4.2 * sheet.px_per_mm)
    cv2.circle(sheet.picture_HWC, (round(x), round(top)), radius, sheet.design.accent_colour, -1, cv2.LINE_AA)
    sheet.line(sheet.design.name[0], corner, 0.1, mm=5.0, colour=_PALE)


def _vintage(sheet: _Sheet, rng: Generator) -> None:
    """A tinted plate with the name printed small below it."""
    sheet.art(rng, 0, 0, 1, 0.9)
    sheet.panel(0, 0.9, 1, 1, _PALE, outlined=False)
    sheet.line(sheet.design.name, 0.5, 0.95, mm=3.4, colour=_DARK)
    sheet.picture_HWC[:] *= np.array([1.0, 0.94, 0.82], dtype=np.float32)


def _battle(sheet: _Sheet, rng: Generator) -> None:
    """A title bar, an art window, a box of rules and a number."""
    sheet.panel(0.03, 0.02, 0.97, 0.1, _PALE)
    sheet.line(sheet.design.name, 0.07, 0.06, mm=3.6, colour=_DARK, anchor="lm")
    sheet.art(rng, 0.05, 0.13, 0.95, 0.56)
    sheet.panel(0.05, 0.64, 0.95, 0.95, _PALE)
    start = int(rng.integers(0, 20))
    for row in range(int(rng.integers(3, 6))):
        sheet.line(small_print(start + row * 5, 5), 0.09, 0.68 + row * 0.05, mm=2.3, colour=_DARK, anchor="lm")
    sheet.line(f"{rng.integers(1, 10)}/{rng.integers(1, 10)}", 0.86, 0.92, mm=3.6, colour=_DARK)


def _full_art(sheet: _Sheet, rng: Generator) -> None:
    """Art to the edge of the frame and the title straight on it."""
    sheet.art(rng, 0, 0, 1, 1)
    left, top, right, bottom = sheet.corners(0, 0.72, 1, 1)
    shade = np.linspace(1, 0.35, bottom - top, dtype=np.float32)[:, None, None]
    sheet.picture_HWC[top:bottom, left:right] *= shade
    sheet.line(sheet.design.name, 0.06, 0.06, mm=4.4, colour=_PALE, anchor="lm")
    for row in range(2):
        sheet.line(small_print(int(rng.integers(0, 20)), 5), 0.5, 0.86 + row * 0.05, mm=2.3, colour=_PALE)


LAYOUT_PAINTERS: Mapping[str, Callable[[_Sheet, Generator], None]] = {
    "sports": _sports,
    "vintage": _vintage,
    "battle": _battle,
    "full_art": _full_art,
}
