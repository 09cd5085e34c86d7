"""Surfaces made of noise. Array legend: H height, W width, C colour (red, green, blue, 0 to 255)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Image = NDArray[np.float32]


def clouds(rng: Generator, height: int, width: int, *, cells: int, octaves: int = 3) -> Image:
    """Smooth noise around 0, about -1 to 1: random grids of growing fineness, enlarged and added."""
    total = np.zeros((height, width), dtype=np.float32)
    for octave in range(octaves):
        side = cells * 2**octave + 1
        grid = rng.uniform(-1, 1, size=(side, side)).astype(np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) / 2**octave
    return total / np.float32(1.5)


def ramp(height: int, width: int, angle: float) -> Image:
    """-1 to 1 across the picture in one direction (radians)."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    return np.asarray(
        (x * np.cos(angle) + y * np.sin(angle)) / (abs(np.cos(angle)) + abs(np.sin(angle))), dtype=np.float32
    )


def blend(
    first: NDArray[np.float32] | tuple[float, ...], second: tuple[float, ...], share_HW: NDArray[np.floating]
) -> Image:
    """From the first colour to the second, by share 0 to 1, [H, W, C]."""
    share = np.clip(share_HW, 0, 1)[..., None]
    one, two = np.asarray(first, dtype=np.float32), np.asarray(second, dtype=np.float32)
    return np.asarray(one * (1 - share) + two * share, dtype=np.float32)


def rainbow(phase_HW: Image) -> Image:
    """Foil colours by phase in turns."""
    turns = phase_HW[..., None] + np.array([0.0, 1 / 3, 2 / 3], dtype=np.float32)
    return np.asarray(127.5 + 127.5 * np.cos(2 * np.pi * turns), dtype=np.float32)
