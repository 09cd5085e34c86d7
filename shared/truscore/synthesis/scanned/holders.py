"""What holds a card on a scanner: a sleeve with seams, a top loader. Array legend: H height, W width, C colour."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from truscore.synthesis.design import CARD_HEIGHT_MM, CARD_WIDTH_MM
from truscore.synthesis.outline import moved
from truscore.synthesis.texture import clouds

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]

HELD = 0.7  # share of the cards
DOTTED = 0.4  # share of the seams


def hold(rng: Generator, image_HWC: Picture, pose_33: NDArray[np.float64], px_per_mm: float) -> Picture:
    """The picture with a holder over card and ground: haze, and one to three seams beside each side of the card."""
    if rng.random() >= HELD:
        return image_HWC
    height, width = image_HWC.shape[:2]
    haze_HW = np.float32(rng.uniform(0, 0.08)) * (1 + 0.5 * clouds(rng, height, width, cells=4, octaves=2))
    held_HWC = image_HWC + (np.float32(rng.uniform(90, 240)) - image_HWC) * haze_HW[..., None]
    seams_HW = np.zeros((height, width), dtype=np.float32)
    off_mm = rng.uniform(0.3, 2.5, size=4)  # the card has some room, and lies on one side of it
    for _ in range(int(rng.integers(1, 4))):
        turn = np.radians(rng.normal(0, 0.4))
        _seam(rng, seams_HW, _around(off_mm, turn), pose_33, px_per_mm)
        off_mm = off_mm + rng.uniform(0.4, 2.5)
    soft_HW = cv2.GaussianBlur(seams_HW, (0, 0), float(rng.uniform(0.4, 1.2)))
    return np.asarray(held_HWC + soft_HW[..., None], dtype=np.float32)


def _around(off_mm_4: NDArray[np.float64], turn: float) -> NDArray[np.float64]:
    """[4, 2] millimetres on the card: a rectangle around it, off by so much at top, right, bottom, left."""
    top, right, bottom, left = off_mm_4
    corners_42 = np.array(
        [(-left, -top), (CARD_WIDTH_MM + right, -top), (CARD_WIDTH_MM + right, CARD_HEIGHT_MM + bottom),
         (-left, CARD_HEIGHT_MM + bottom)]
    )  # fmt: skip
    middle_2 = np.array([CARD_WIDTH_MM / 2, CARD_HEIGHT_MM / 2])
    turn_22 = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray((corners_42 - middle_2) @ turn_22.T + middle_2)


def _seam(
    rng: Generator, seams_HW: Picture, corners_42: NDArray[np.float64], pose_33: NDArray[np.float64], px_per_mm: float
) -> None:
    """Lines along some of the sides, brighter or darker, whole or dotted as welds are."""
    placed_42 = moved(corners_42, pose_33)
    level, thickness = float(rng.choice((-1, 1)) * rng.uniform(8, 70)), max(1, round(rng.uniform(0.1, 0.8) * px_per_mm))
    dotted = rng.random() < DOTTED
    for side in range(4):
        if rng.random() < 0.2:
            continue
        start_2, end_2 = placed_42[side], placed_42[(side + 1) % 4]
        count = int(np.hypot(*(end_2 - start_2)) / (3 * thickness + 2)) if dotted else 1
        shares_N = np.linspace(0, 1, count + 1)
        for first, last in pairwise(shares_N.tolist()):
            until = first + (last - first) * (0.5 if dotted else 1.0)
            ends = [
                tuple(np.round((start_2 + (end_2 - start_2) * at) * 16).astype(int).tolist()) for at in (first, until)
            ]
            cv2.line(seams_HW, ends[0], ends[1], level, thickness, cv2.LINE_AA, shift=4)
