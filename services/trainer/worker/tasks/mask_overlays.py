"""Validation images with the damage that is there and the damage that was found, as PNG files.

Array legend: H, W sides, C colour.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from truscore.zoo.framing import IGNORED
from truscore.zoo.resize import network_size

LONGER_SIDE_PX = 640
TARGET_COLOURS = ((0, 200, 83), (0, 176, 255), (255, 214, 0), (178, 255, 89))
PREDICTION_COLOURS = ((255, 23, 68), (255, 109, 0), (213, 0, 249), (255, 145, 0))
_VEIL = 0.35


def write_overlay(
    image_HWC: NDArray[np.uint8], *, target_HW: NDArray[np.uint8], prediction_HW: NDArray[np.uint8], path: Path
) -> None:
    """Predicted damage as a red or orange veil, the outlines of labelled damage in green or blue over it."""
    height, width = network_size(*image_HWC.shape[:2], image_size=LONGER_SIDE_PX)
    painted_HWC = np.asarray(cv2.resize(image_HWC, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    prediction_HW, target_HW = _enlarged(prediction_HW, width, height), _enlarged(target_HW, width, height)
    for label in _labels(prediction_HW):
        own_HW = prediction_HW == label
        veil_C = np.array(_colour(PREDICTION_COLOURS, label), dtype=np.float32)
        painted_HWC[own_HW] = (painted_HWC[own_HW] * (1 - _VEIL) + veil_C * _VEIL).astype(np.uint8)
    for label in _labels(target_HW):
        outlines, _ = cv2.findContours((target_HW == label).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(painted_HWC, outlines, -1, _colour(TARGET_COLOURS, label), thickness=2)
    Image.fromarray(painted_HWC).save(path)


def _enlarged(labels_HW: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(labels_HW, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _labels(labels_HW: NDArray[np.uint8]) -> list[Any]:
    return [label for label in np.unique(labels_HW) if label not in (0, IGNORED)]


def _colour(colours: tuple[tuple[int, int, int], ...], label: int) -> tuple[int, int, int]:
    return colours[(int(label) - 1) % len(colours)]
