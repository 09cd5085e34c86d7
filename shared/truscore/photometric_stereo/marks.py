"""Dents, bumps and lines of a relief, one by one. H height, W width; lengths in pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from truscore.photometric_stereo.least_squares import Array
from truscore.photometric_stereo.relief_maps import Mask

CLEARLY = 5.0  # standard deviations of the ground: of a million pixels of noise hardly one is further off
_MAD = 1.4826  # of a normal distribution, standard deviations in a median absolute deviation
_LEAST_PIXELS = 6
_ELONGATED = 4.0  # times as long as wide: a line
_RING = 3  # at least as many pixels around a mark its ground is taken from
MOST = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """`kind` is dent, bump, or where it is long and narrow groove or ridge; x and y are its middle, from the upper left
    corner; `depth` is how far its deepest (or highest) pixel lies from the ground around it; `area` is in pixels."""

    kind: str
    x: float
    y: float
    length: float
    width: float
    depth: float
    area: int


def find_marks(depth_HW: Array, mask_HW: Mask, *, least_depth: float = 0.0) -> tuple[Mark, ...]:
    """Marks of a relief whose plane and bow are taken off, the deepest first, at most `MOST`.

    A pixel belongs to one where it lies `CLEARLY` standard deviations of the ground off (its median absolute deviation,
    which small marks do not move), and at least half of `least_depth`; marks that are shallower than `least_depth` are
    left out. Length and width are those of a box of a uniform density with the same second moments.
    """
    import cv2

    if not mask_HW.any():
        return ()
    known_N = depth_HW[mask_HW]
    ground = float(np.median(known_N))
    spread = _MAD * float(np.median(np.abs(known_N - ground)))
    bound = max(CLEARLY * spread, least_depth / 2, 1e-9)
    above_HW = np.where(mask_HW, depth_HW - ground, 0.0)
    found = []
    for sign in (-1, 1):
        count, labels_HW, stats, _ = cv2.connectedComponentsWithStats(
            (sign * above_HW > bound).astype(np.uint8), connectivity=8
        )
        for label in range(1, count):
            left, top, width, height, area = (int(each) for each in stats[label])
            if area < _LEAST_PIXELS:
                continue
            reach = max(_RING, round(np.sqrt(area) / 2))
            part = (
                slice(max(0, top - reach), top + height + reach),
                slice(max(0, left - reach), left + width + reach),
            )
            around = _ground_around(labels_HW[part] == label, above_HW[part], mask_HW[part], reach)
            found.append(_mark(labels_HW[part] == label, sign * (above_HW[part] - around), part, sign))
    deep = sorted((mark for mark in found if mark.depth >= least_depth), key=lambda mark: -mark.depth)
    return tuple(deep[:MOST])


def _ground_around(own_HW: Mask, above_HW: Array, mask_HW: Mask, reach: int) -> float:
    """Around a mark, not of the whole card: what integration is off by grows slowly over many pixels."""
    import cv2

    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    ring_HW = (cv2.dilate(own_HW.astype(np.uint8), kernel) > 0) & ~own_HW & mask_HW
    return float(np.median(above_HW[ring_HW])) if ring_HW.any() else 0.0


def _mark(own_HW: Mask, deep_HW: Array, part: tuple[slice, slice], sign: int) -> Mark:
    down_N, across_N = np.nonzero(own_HW)
    # Second moments of a pixel's own square keep a row of pixels from having no width.
    moments_22 = np.cov(np.stack([across_N, down_N]), bias=True) + np.eye(2) / 12
    narrow, long = np.sqrt(12 * np.maximum(np.linalg.eigvalsh(moments_22), 0))
    kinds = ("groove", "dent") if sign < 0 else ("ridge", "bump")
    return Mark(
        kind=kinds[0 if long > _ELONGATED * narrow else 1],
        x=float(across_N.mean() + part[1].start + 0.5),
        y=float(down_N.mean() + part[0].start + 0.5),
        length=float(long),
        width=float(narrow),
        depth=float(deep_HW[own_HW].max()),
        area=len(down_N),
    )
