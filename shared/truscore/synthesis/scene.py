"""A card on a table under a lamp, photographed. Array legend: H height, W width, C colour (0 to 255)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from truscore.synthesis.design import CARD_HEIGHT_MM, CARD_WIDTH_MM, draw_design
from truscore.synthesis.outline import card_outline, coverage, frame_outline, moved
from truscore.synthesis.painting import paint_card
from truscore.synthesis.surface import paint_surface
from truscore.synthesis.texture import clouds, ramp

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """A photograph and where the borders are in it, in pixels, exactly."""

    image_HWC: NDArray[np.uint8]
    outer_N2: NDArray[np.float64]
    graphical_N2: NDArray[np.float64]


def render_scene(rng: Generator, width: int, height: int) -> Scene:
    """Draw a card, lay it down, light it and take its picture."""
    design = draw_design(rng)
    pose_33 = _pose(rng, width, height)
    outer_N2 = moved(card_outline(design.corner_radius_mm), pose_33)
    graphical_N2 = moved(frame_outline(design.frame), pose_33)
    table_HWC = paint_surface(rng, height, width)
    covered_HW = coverage(outer_N2, height, width)
    table_HWC *= shadow(rng, covered_HW)[..., None]
    px_per_mm = math.sqrt(float(covered_HW.sum()) / (CARD_WIDTH_MM * CARD_HEIGHT_MM)) * 1.15
    card_HWC = laid(paint_card(rng, design, px_per_mm), px_per_mm, pose_33, width, height)
    card_HWC = lit(rng, card_HWC, glossy=design.foil > 0 or rng.random() < 0.4)
    image_HWC = table_HWC + (card_HWC - table_HWC) * covered_HW[..., None]
    return Scene(image_HWC=exposed(rng, image_HWC), outer_N2=outer_N2, graphical_N2=graphical_N2)


def _pose(rng: Generator, width: int, height: int) -> NDArray[np.float64]:
    """Millimetres on the card to pixels: placed, turned a little, seen slightly from the side, wholly in view."""
    corners_42 = np.array([[0, 0], [CARD_WIDTH_MM, 0], [CARD_WIDTH_MM, CARD_HEIGHT_MM], [0, CARD_HEIGHT_MM]])
    tilt_deg = rng.normal(0, 6) if rng.random() < 0.9 else rng.uniform(-35, 35)
    angle = math.radians(tilt_deg)
    turn_22 = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    placed_42 = (corners_42 - corners_42.mean(axis=0)) @ turn_22.T
    placed_42 += rng.uniform(-0.018, 0.018, size=(4, 2)) * CARD_HEIGHT_MM
    low_2, high_2 = placed_42.min(axis=0), placed_42.max(axis=0)
    size_2 = np.array([width, height], dtype=np.float64)
    fill = rng.uniform(0.62, 0.92) * float((size_2 / (high_2 - low_2)).min())
    slack_2 = size_2 - (high_2 - low_2) * fill
    placed_42 = (placed_42 - low_2) * fill + slack_2 * rng.uniform(0.12, 0.88, size=2)
    return homography(corners_42, placed_42)


def homography(source_42: NDArray[np.float64], target_42: NDArray[np.float64]) -> NDArray[np.float64]:
    """The projective map of four points onto four others (in double precision, unlike OpenCV's)."""
    rows = []
    for (x, y), (u, v) in zip(source_42, target_42, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    solved_8 = np.linalg.solve(np.array(rows), target_42.reshape(8))
    return np.append(solved_8, 1.0).reshape(3, 3)


def laid(card_HWC: Picture, px_per_mm: float, pose_33: NDArray[np.float64], width: int, height: int) -> Picture:
    """The flat card seen in its pose; beyond its edge its edge colours go on, and the outline cuts them off."""
    # OpenCV counts from pixel centres, we from pixel corners.
    to_mm = np.array([[1 / px_per_mm, 0, 0.5 / px_per_mm], [0, 1 / px_per_mm, 0.5 / px_per_mm], [0, 0, 1]])
    to_centres = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    seen = cv2.warpPerspective(
        card_HWC, to_centres @ pose_33 @ to_mm, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(seen, dtype=np.float32)


def shadow(rng: Generator, covered_HW: Picture) -> Picture:
    """What the table keeps of its light around the card: a thin dark line beneath and a soft shadow to one side."""
    height, width = covered_HW.shape
    reach = max(1.0, width * rng.uniform(0.004, 0.02))
    angle = rng.uniform(0, 2 * math.pi)
    shift_23 = np.array([[1, 0, reach * math.cos(angle)], [0, 1, reach * math.sin(angle)]], dtype=np.float32)
    soft_HW = cv2.GaussianBlur(cv2.warpAffine(covered_HW, shift_23, (width, height)), (0, 0), reach)
    return np.asarray(1 - np.float32(rng.uniform(0.25, 0.6)) * soft_HW, dtype=np.float32)


def lit(rng: Generator, card_HWC: Picture, *, glossy: bool) -> Picture:
    if not glossy:
        return card_HWC
    height, width = card_HWC.shape[:2]
    band_HW = np.abs(ramp(height, width, rng.uniform(0, math.pi)) - np.float32(rng.uniform(-0.6, 0.6)))
    glare_HW = np.exp(-((band_HW / np.float32(rng.uniform(0.06, 0.25))) ** 2)) * np.float32(rng.uniform(10, 60))
    return np.asarray(card_HWC + glare_HW[..., None], dtype=np.float32)


def exposed(rng: Generator, image_HWC: Picture) -> NDArray[np.uint8]:
    """Uneven light, white balance, a lens not quite sharp, a sensor not quite quiet."""
    height, width = image_HWC.shape[:2]
    light_HW = 1 + rng.uniform(0.02, 0.2) * ramp(height, width, rng.uniform(0, 2 * math.pi))
    light_HW += 0.05 * clouds(rng, height, width, cells=2, octaves=1)
    balance_3 = rng.normal(1.0, 0.04, size=3).astype(np.float32) * np.float32(rng.uniform(0.78, 1.12))
    seen_HWC = image_HWC * light_HW[..., None].astype(np.float32) * balance_3
    if rng.random() < 0.5:
        seen_HWC = cv2.GaussianBlur(seen_HWC, (0, 0), float(rng.uniform(0.3, 0.9)))
    noise_HWC = rng.standard_normal(size=seen_HWC.shape, dtype=np.float32) * np.float32(rng.uniform(1.0, 6.0))
    return np.asarray(np.clip(np.round(seen_HWC + noise_HWC), 0, 255), dtype=np.uint8)
