"""What makes the borders of a card hard to tell, over a flat card: lines beside the printed border, print up to the
edge, plates over the frame, colours that are nearly the same. Array legend: H height, W width, C colour (0 to 255)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from truscore.synthesis.design import CARD_HEIGHT_MM, CARD_WIDTH_MM, Colour, Design, Frame, draw_design
from truscore.synthesis.outline import coverage, frame_outline
from truscore.synthesis.painting import paint_card

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]

BLED, LINED, PLATED, ALIKE = 0.2, 0.6, 0.5, 0.3  # shares of the cards
# Of a colour beside another, in levels: scans of red on red have some 15, and noise of 2 to 4.
LEAST_APART, MOST_ALIKE = 12.0, 45.0
SIDES = 4  # top, right, bottom, left


def draw_scanned_design(rng: Generator) -> Design:
    """A design with wider margins than photographs of rendered cards have, as print on real cards has them."""
    design = draw_design(rng)
    frame = design.frame
    wider_4 = rng.uniform(0, 4.5, size=SIDES) * (rng.random(size=SIDES) < 0.4)
    frame = replace(
        frame,
        top_mm=frame.top_mm + wider_4[0],
        right_mm=frame.right_mm + wider_4[1],
        bottom_mm=frame.bottom_mm + wider_4[2],
        left_mm=frame.left_mm + wider_4[3],
        tilt_deg=float(rng.normal(0.0, 0.15)),
    )
    colour = _near(rng, design.stock_colour) if rng.random() < ALIKE else design.frame_colour
    return replace(design, frame=frame, frame_colour=colour)


def paint_scanned_card(rng: Generator, design: Design, px_per_mm: float) -> tuple[Picture, tuple[bool, ...]]:
    """The card, [H, W, C], and of each side whether it has a printed border: where print goes on to the edge, none."""
    card_HWC = np.ascontiguousarray(paint_card(rng, design, px_per_mm))
    for _ in range(int(rng.integers(1, 4)) if rng.random() < LINED else 0):
        _line_inside(rng, card_HWC, design, px_per_mm)
    printed_4 = [True] * SIDES
    if rng.random() < BLED:
        for side in rng.choice(SIDES, int(rng.choice((1, 2, 4), p=(0.6, 0.25, 0.15))), replace=False):
            _bleed(card_HWC, design.frame, px_per_mm, int(side))
            printed_4[side] = False
    for _ in range(int(rng.integers(1, 4)) if rng.random() < PLATED else 0):
        _plate(rng, card_HWC, design, px_per_mm)
    return card_HWC, tuple(printed_4)


def _near(rng: Generator, colour: Colour) -> Colour:
    """Not quite the same: by few levels, in one direction of colour."""
    toward_3 = rng.normal(size=3)
    toward_3 /= float(np.abs(toward_3).max())
    red, green, blue = np.clip(np.array(colour) + toward_3 * rng.uniform(LEAST_APART, MOST_ALIKE), 0, 255)
    return float(red), float(green), float(blue)


def _line_inside(rng: Generator, card_HWC: Picture, design: Design, px_per_mm: float) -> None:
    """A further frame within the printed one, parallel to it: a line, or a band of another colour."""
    frame = design.frame
    inset_4 = rng.uniform(0.6, 6.0) + (rng.uniform(0, 3, size=SIDES) if rng.random() < 0.4 else np.zeros(SIDES))
    inner = replace(
        frame,
        top_mm=frame.top_mm + float(inset_4[0]),
        right_mm=frame.right_mm + float(inset_4[1]),
        bottom_mm=frame.bottom_mm + float(inset_4[2]),
        left_mm=frame.left_mm + float(inset_4[3]),
    )
    outline_N2 = frame_outline(inner) * px_per_mm
    colour = _any_colour(rng)
    if rng.random() < 0.7:
        fixed = np.round((outline_N2 - 0.5) * 16).astype(np.int32)
        thickness = max(1, round(float(rng.uniform(0.2, 1.2)) * px_per_mm))
        cv2.polylines(card_HWC, [fixed], True, colour, thickness, cv2.LINE_AA, shift=4)
        return
    # A band between the two frames, which may be of the frame's own colour.
    height, width = card_HWC.shape[:2]
    band_HW = coverage(frame_outline(frame) * px_per_mm, height, width) - coverage(outline_N2, height, width)
    share = np.float32(rng.uniform(0.5, 1.0))
    card_HWC += (np.asarray(colour, dtype=np.float32) - card_HWC) * (share * np.clip(band_HW, 0, 1))[..., None]


def _bleed(card_HWC: Picture, frame: Frame, px_per_mm: float, side: int) -> None:
    """Print goes on to the edge of the card: what is inside the frame is mirrored over the margin."""
    turned_HWC = np.rot90(card_HWC, side)  # the side is now on top
    margin_mm = (frame.top_mm, frame.right_mm, frame.bottom_mm, frame.left_mm)[side]
    # A turned frame's corners, rounded ones and the key line's outer half reach somewhat further in.
    rows = round((margin_mm + 1.2) * px_per_mm)
    turned_HWC[:rows] = turned_HWC[rows : 2 * rows][::-1].copy()


def _plate(rng: Generator, card_HWC: Picture, design: Design, px_per_mm: float) -> None:
    """A name plate or a mark that hides a part of one side's border, margin and print alike."""
    side, frame = int(rng.integers(SIDES)), design.frame
    turned_HWC = np.ascontiguousarray(np.rot90(card_HWC, side))
    margin_mm = (frame.top_mm, frame.right_mm, frame.bottom_mm, frame.left_mm)[side]
    length_mm = CARD_WIDTH_MM if side % 2 == 0 else CARD_HEIGHT_MM
    wide_mm, start = length_mm * rng.uniform(0.12, 0.5), rng.uniform(0.02, 0.9)
    first_mm = min(start * length_mm, length_mm - wide_mm)
    top_mm = margin_mm - rng.uniform(0.2, max(margin_mm - 0.3, 0.4))
    bottom_mm = margin_mm + rng.uniform(0.5, 7.0)
    corners = np.array([(first_mm, top_mm), (first_mm + wide_mm, bottom_mm)]) * px_per_mm * 16
    (left, top), (right, bottom) = np.round(corners).astype(int).tolist()
    colour = _any_colour(rng)
    if rng.random() < 0.35:
        middle, axes = ((left + right) // 2, (top + bottom) // 2), ((right - left) // 2, (bottom - top) // 2)
        cv2.ellipse(turned_HWC, middle, axes, 0, 0, 360, colour, -1, cv2.LINE_AA, shift=4)
    else:
        cv2.rectangle(turned_HWC, (left, top), (right, bottom), colour, -1, cv2.LINE_AA, shift=4)
    card_HWC[:] = np.rot90(turned_HWC, -side)


def _any_colour(rng: Generator) -> Colour:
    red, green, blue = rng.uniform(10, 245, size=3)
    return float(red), float(green), float(blue)
