"""The pictures on cards: five kinds, each endlessly varied. Array legend: H height, W width, C colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import cv2
import numpy as np

from truscore.synthesis.texture import blend, clouds, ramp

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from truscore.synthesis.design import Colour

    Picture = NDArray[np.float32]


def paint_art(rng: Generator, kind: str, height: int, width: int) -> Picture:
    """A picture of the given kind, [H, W, C]."""
    picture_HWC = ARTISTS[kind](rng, height, width)
    grain = clouds(rng, height, width, cells=6) * 14
    return np.asarray(np.clip(picture_HWC + grain[..., None], 0, 255), dtype=np.float32)


def _colour(rng: Generator, low: float = 20, high: float = 235) -> Colour:
    """Muted as ink on paper is: halfway to the grey of its own brightness."""
    ink_3 = rng.uniform(low, high, size=3)
    red, green, blue = ink_3 + (ink_3.mean() - ink_3) * rng.uniform(0.1, 0.6)
    return float(red), float(green), float(blue)


def _sky(rng: Generator, height: int, width: int) -> Picture:
    share_HW = ramp(height, width, rng.uniform(0.3, 2.8)) * 0.5 + 0.5
    return blend(_colour(rng, 60), _colour(rng), share_HW + 0.25 * clouds(rng, height, width, cells=3))


def _fill(canvas: Picture, points: list[tuple[float, float]], colour: Colour) -> None:
    height, width = canvas.shape[:2]
    fixed = np.round(np.array(points) * (width, height) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], colour, lineType=cv2.LINE_AA, shift=4)


def _oval(canvas: Picture, middle: tuple[float, float], radii: tuple[float, float], colour: Colour) -> None:
    height, width = canvas.shape[:2]
    centre = (round(middle[0] * width * 16), round(middle[1] * height * 16))
    axes = (round(radii[0] * width * 16), round(radii[1] * height * 16))
    cv2.ellipse(canvas, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA, shift=4)


_NECK = ((-0.08, 0.45), (0.08, 0.45), (0.09, 0.6), (-0.09, 0.6))
_VISOR = ((-0.02, 0.28), (0.25, 0.3), (0.22, 0.33), (-0.02, 0.31))


def _portrait(rng: Generator, height: int, width: int) -> Picture:
    """A player before a stadium: shoulders, head, cap."""
    canvas = _sky(rng, height, width)
    for row in range(3):
        for seat in rng.uniform(0, 1, size=24):
            _oval(canvas, (seat, 0.12 + 0.07 * row), (0.016, 0.02), _colour(rng))
    _fill(canvas, [(0, 0.62), (1, 0.58 + rng.uniform(-0.06, 0.06)), (1, 1), (0, 1)], (60, rng.uniform(100, 150), 60))
    jersey, skin, lean = _colour(rng), rng.uniform(0.35, 1.0), rng.uniform(0.38, 0.62)
    tone = (235 * skin, 190 * skin, 155 * skin)
    _fill(
        canvas,
        [
            (lean - 0.38, 1),
            (lean - 0.3, 0.66),
            (lean - 0.1, 0.55),
            (lean + 0.1, 0.55),
            (lean + 0.3, 0.66),
            (lean + 0.38, 1),
        ],
        jersey,
    )
    _fill(canvas, [(lean + x, y) for x, y in _NECK], tone)
    _oval(canvas, (lean, 0.37), (0.14, 0.14), tone)
    _oval(canvas, (lean - 0.05, 0.37), (0.015, 0.013), (30, 25, 25))
    _oval(canvas, (lean + 0.05, 0.37), (0.015, 0.013), (30, 25, 25))
    _oval(canvas, (lean, 0.27), (0.15, 0.08), jersey)
    _fill(canvas, [(lean + x, y) for x, y in _VISOR], jersey)
    return canvas


def _landscape(rng: Generator, height: int, width: int) -> Picture:
    canvas = _sky(rng, height, width)
    _oval(canvas, (rng.uniform(0.15, 0.85), rng.uniform(0.1, 0.3)), (0.09, 0.07), (250, 235, 180))
    for base in (0.45, 0.6, 0.75):
        ridge = base + np.cumsum(rng.normal(0, 0.03, size=12))
        points = [(float(x), float(y)) for x, y in zip(np.linspace(0, 1, 12), ridge, strict=True)]
        _fill(canvas, [(0, 1), *points, (1, 1)], _colour(rng, 20, 200))
    return canvas


def _creature(rng: Generator, height: int, width: int) -> Picture:
    """Something round with wings, eyes and a temper."""
    canvas = _sky(rng, height, width)
    body, belly, x, y = _colour(rng), _colour(rng, 120), rng.uniform(0.4, 0.6), rng.uniform(0.5, 0.62)
    for side in (-1, 1):
        _fill(canvas, [(x, y), (x + side * 0.42, y - rng.uniform(0.2, 0.4)), (x + side * 0.34, y + 0.1)], _colour(rng))
        _oval(canvas, (x + side * 0.14, y + 0.3), (0.08, 0.06), body)
    _oval(canvas, (x, y), (rng.uniform(0.2, 0.28), rng.uniform(0.2, 0.3)), body)
    _oval(canvas, (x, y + 0.08), (0.13, 0.15), belly)
    _oval(canvas, (x, y - 0.25), (0.17, 0.14), body)
    for side in (-1, 1):
        _oval(canvas, (x + side * 0.07, y - 0.27), (0.045, 0.04), (250, 250, 245))
        _oval(canvas, (x + side * 0.06, y - 0.265), (0.02, 0.022), (20, 20, 25))
    return canvas


def _geometric(rng: Generator, height: int, width: int) -> Picture:
    canvas = _sky(rng, height, width)
    for _ in range(int(rng.integers(6, 14))):
        x, y, size = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.08, 0.4)
        turns = np.sort(rng.uniform(0, 2 * np.pi, size=int(rng.integers(3, 7))))
        _fill(canvas, [(x + size * np.cos(turn), y + size * np.sin(turn)) for turn in turns], _colour(rng))
    return canvas


def _waves(rng: Generator, height: int, width: int) -> Picture:
    flow_HW = ramp(height, width, rng.uniform(0, 3.1)) + 0.6 * clouds(rng, height, width, cells=3)
    stripes_HW = 0.5 + 0.5 * np.sin(flow_HW * np.float32(rng.uniform(6, 18)))
    return blend(blend(_colour(rng), _colour(rng), stripes_HW), _colour(rng), np.clip(flow_HW, 0, 1) * 0.6)


ARTISTS: Mapping[str, Callable[[Generator, int, int], Picture]] = {
    "portrait": _portrait,
    "landscape": _landscape,
    "creature": _creature,
    "geometric": _geometric,
    "waves": _waves,
}
