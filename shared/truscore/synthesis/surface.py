"""What cards lie on. Array legend: H height, W width, C colour (0 to 255)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import cv2
import numpy as np

from truscore.synthesis.texture import blend, clouds, ramp

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]


def paint_surface(rng: Generator, height: int, width: int) -> Picture:
    """A table, a cloth, a scanner's lid or a play mat, [H, W, C]."""
    kind = str(rng.choice(list(SURFACES)))
    return np.clip(SURFACES[kind](rng, height, width), 0, 255)


def _scanner(rng: Generator, height: int, width: int) -> Picture:
    """A flat-bed's lid: near white or near black, hardly any texture."""
    level = rng.uniform(8, 40) if rng.random() < 0.5 else rng.uniform(175, 225)
    return np.asarray(level + clouds(rng, height, width, cells=2)[..., None] * 5 + np.zeros(3), dtype=np.float32)


def _wood(rng: Generator, height: int, width: int) -> Picture:
    angle = float(rng.choice((0.0, np.pi / 2))) + rng.normal(0, 0.08)
    across_HW = ramp(height, width, angle) + 0.08 * clouds(rng, height, width, cells=3)
    rings_HW = 0.5 + 0.5 * np.sin(across_HW * rng.uniform(18, 40) + clouds(rng, height, width, cells=4))
    fibre = rng.uniform(-1, 1, size=(height, max(2, width // 12))).astype(np.float32)
    fibre_HW = cv2.resize(fibre if angle > 0.7 else fibre.T[:, :height], (width, height))
    tone = rng.uniform(0.45, 1.05)
    light, dark = (205 * tone, 160 * tone, 112 * tone), (140 * tone, 94 * tone, 58 * tone)
    return blend(light, dark, rings_HW * 0.7 + 0.15 * fibre_HW + 0.1)


def _cloth(rng: Generator, height: int, width: int) -> Picture:
    colour = rng.uniform(15, 170, size=3)
    weave_HW = clouds(rng, height, width, cells=max(8, width // 4), octaves=1)
    folds_HW = clouds(rng, height, width, cells=2)
    return np.asarray(colour + weave_HW[..., None] * 10 + folds_HW[..., None] * 14, dtype=np.float32)


def _mat(rng: Generator, height: int, width: int) -> Picture:
    """A printed play mat: a gradient, a few big shapes, perhaps a grid."""
    first, second = rng.uniform(20, 220, size=(2, 3))
    share_HW = ramp(height, width, rng.uniform(0, 6.2)) * 0.5 + 0.5
    mat_HWC = np.ascontiguousarray(blend(tuple(first), tuple(second), share_HW))
    for _ in range(int(rng.integers(1, 5))):
        middle = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        radius = int(rng.uniform(0.06, 0.3) * width)
        colour = tuple(float(value) for value in rng.uniform(20, 220, size=3))
        cv2.circle(mat_HWC, middle, radius, colour, int(rng.choice((-1, 2, 4))), cv2.LINE_AA)
    if rng.random() < 0.4:
        step = int(rng.uniform(0.06, 0.16) * width)
        mat_HWC[::step] *= 0.8
        mat_HWC[:, ::step] *= 0.8
    return mat_HWC


def _table_top(rng: Generator, height: int, width: int) -> Picture:
    level = rng.uniform(40, 215)
    tint = rng.normal(0, 8, size=3)
    return np.asarray(level + tint + clouds(rng, height, width, cells=3)[..., None] * 18, dtype=np.float32)


SURFACES: Mapping[str, Callable[[Generator, int, int], Picture]] = {
    "scanner": _scanner,
    "wood": _wood,
    "cloth": _cloth,
    "mat": _mat,
    "desk": _table_top,
}
