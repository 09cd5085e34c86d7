"""A card on a scanner, in a holder or not, with exact borders. Array legend: H height, W width, C colour (0 to 255)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from truscore.synthesis.design import CARD_HEIGHT_MM, CARD_WIDTH_MM
from truscore.synthesis.outline import card_outline, coverage, frame_outline, moved
from truscore.synthesis.scanned.borders import draw_scanned_design, paint_scanned_card
from truscore.synthesis.scanned.holders import hold
from truscore.synthesis.scene import exposed, homography, laid, lit, shadow
from truscore.synthesis.surface import paint_surface
from truscore.synthesis.texture import clouds

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from truscore.synthesis.design import Frame

    Picture = NDArray[np.float32]

ON_A_LID = 0.8  # share of the cards: black or white lids, else any surface
GROUND_ALIKE = 0.2  # share of the cards that lie on a ground of nearly their own colour


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """A scan and the corners of its two borders in pixels, exactly, clockwise from the upper left. ``printed_4``: of
    the graphical border's sides (top, right, bottom, left) which are there; where one is not, print goes on to the
    edge, and the corners are where its line would have been."""

    image_HWC: NDArray[np.uint8]
    outer_42: NDArray[np.float64]
    graphical_42: NDArray[np.float64]
    printed_4: tuple[bool, ...]


def render_scan(rng: Generator, width: int, height: int) -> Scan:
    """Draw a card, lay it on a scanner, close the lid."""
    design = draw_scanned_design(rng)
    pose_33 = _pose(rng, width, height)
    outer_N2 = moved(card_outline(design.corner_radius_mm), pose_33)
    covered_HW = coverage(outer_N2, height, width)
    px_per_mm = math.sqrt(float(covered_HW.sum()) / (CARD_WIDTH_MM * CARD_HEIGHT_MM))
    ground_HWC = _ground(rng, height, width, design.stock_colour) * shadow(rng, covered_HW)[..., None]
    flat_HWC, printed_4 = paint_scanned_card(rng, design, px_per_mm * 1.15)
    card_HWC = laid(flat_HWC, px_per_mm * 1.15, pose_33, width, height)
    card_HWC = lit(rng, card_HWC, glossy=rng.random() < 0.3)
    image_HWC = ground_HWC + (card_HWC - ground_HWC) * covered_HW[..., None]
    held_HWC = hold(rng, np.asarray(image_HWC, dtype=np.float32), pose_33, px_per_mm)
    return Scan(
        image_HWC=_compressed(rng, exposed(rng, held_HWC)),
        outer_42=moved(_corners((0, 0, 0, 0)), pose_33),
        graphical_42=moved(_frame_corners(design.frame), pose_33),
        printed_4=printed_4,
    )


def _ground(rng: Generator, height: int, width: int, stock: tuple[float, float, float]) -> Picture:
    if rng.random() < GROUND_ALIKE:
        near_3 = np.array(stock) + rng.normal(0, 10, size=3)
        return np.asarray(near_3 + clouds(rng, height, width, cells=3)[..., None] * 4, dtype=np.float32)
    if rng.random() >= ON_A_LID:
        return paint_surface(rng, height, width)
    level = rng.uniform(20, 95) if rng.random() < 0.7 else rng.uniform(170, 250)
    return np.asarray(level + rng.normal(0, 3, size=3) + clouds(rng, height, width, cells=2)[..., None] * 6, np.float32)


def _pose(rng: Generator, width: int, height: int) -> NDArray[np.float64]:
    """Millimetres on the card to pixels: flat on the glass, turned by some tenths of a degree, seldom by several."""
    flat_42 = _corners((0, 0, 0, 0))
    turn = math.radians(rng.normal(0, 0.5) if rng.random() < 0.75 else rng.normal(0, 4))
    turn_22 = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    placed_42 = (flat_42 - flat_42.mean(axis=0)) @ turn_22.T
    if rng.random() < 0.2:  # from a camera's stand
        placed_42 += rng.uniform(-0.01, 0.01, size=(4, 2)) * CARD_HEIGHT_MM
    low_2, high_2 = placed_42.min(axis=0), placed_42.max(axis=0)
    size_2 = np.array([width, height], dtype=np.float64)
    fill = rng.uniform(0.72, 0.95) * float((size_2 / (high_2 - low_2)).min())
    slack_2 = size_2 - (high_2 - low_2) * fill
    return homography(flat_42, (placed_42 - low_2) * fill + slack_2 * rng.uniform(0.2, 0.8, size=2))


def _corners(margins_mm: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """[4, 2]: a rectangle that far inside the card, at top, right, bottom, left."""
    top, right, bottom, left = margins_mm
    x, y = CARD_WIDTH_MM - right, CARD_HEIGHT_MM - bottom
    return np.array([(left, top), (x, top), (x, y), (left, y)], dtype=np.float64)


def _frame_corners(frame: Frame) -> NDArray[np.float64]:
    """Where the frame's straight sides would meet, were its corners not round."""
    return frame_outline(replace(frame, corner_radius_mm=0.0))


def _compressed(rng: Generator, image_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 97))]
    _, encoded = cv2.imencode(".jpg", image_HWC, quality)
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
