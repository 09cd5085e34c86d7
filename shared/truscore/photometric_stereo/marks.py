"""Dents, bumps and lines of a relief, one by one. H height, W width; lengths in pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from truscore.photometric_stereo.least_squares import Array
from truscore.photometric_stereo.local_relief import MAD, local_relief
from truscore.photometric_stereo.relief_maps import Mask

CLEARLY = 5.0  # standard deviations of the ground: of a million pixels of noise hardly one is further off
_LEAST_PIXELS = 6
_ELONGATED = 4.0  # times as long as wide: a line
_RING = 3  # at least as many pixels around a mark its ground is taken from
_RIM = 4  # pixels: so near to a mark of the wider window, what the narrower one finds is that mark's own rim
MOST = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """`kind` is dent, bump, or where it is long and narrow groove or ridge; x and y are its middle, from the upper left
    corner; `half` leads from there along it to its end; `depth` is how far its deepest (or highest) pixel lies from the
    ground around it; `area` is in pixels."""

    kind: str
    x: float
    y: float
    length: float
    width: float
    depth: float
    area: int
    half: tuple[float, float]  # right, down


@dataclass(frozen=True, kw_only=True, slots=True)
class _Window:
    """How wide the ground around a mark is, as a share of the shorter side and in pixels at least; how wide a mark must
    be to be looked for there, in pixels; and how far off its faintest pixels lie, in standard deviations."""

    share: float
    least_px: float
    narrowest_px: int
    faintest: float

    def deviation_px(self, shape: tuple[int, ...]) -> float:
        return max(self.least_px, min(shape) * self.share)


_WINDOWS = (
    _Window(share=1 / 12, least_px=6.0, narrowest_px=5, faintest=CLEARLY),  # dents and folds
    # Scratches: narrow, faint towards their ends, and lost in what integration is off by over a longer way.
    _Window(share=1 / 80, least_px=4.0, narrowest_px=1, faintest=3.0),
)


def find_marks(depth_HW: Array, mask_HW: Mask, *, least_depth: float = 0.0) -> tuple[Mark, ...]:
    """Marks of a relief whose plane and bow are taken off, the deepest first, at most `MOST`.

    A mark has pixels that lie `CLEARLY` standard deviations off the ground around them (`local_relief`; the median
    absolute deviation, which small marks do not move) and at least half of `least_depth`; fainter ones beside those are
    its own, too (hysteresis, Canny 1986). Marks that are shallower than `least_depth` are left out. Length and width
    are those of a box of a uniform density with the same second moments.
    """
    import cv2

    if not mask_HW.any():
        return ()
    found: list[Mark] = []
    free_HW = mask_HW
    for window in _WINDOWS:
        above_HW = local_relief(depth_HW, mask_HW, window=window.deviation_px(mask_HW.shape))
        spread = MAD * float(np.median(np.abs(above_HW[mask_HW])))
        certain, faint = (max(times * spread, least_depth / 2, 1e-9) for times in (CLEARLY, window.faintest))
        taken_HW = np.zeros(mask_HW.shape, np.uint8)
        for sign in (-1, 1):
            deep_HW = np.where(free_HW, sign * above_HW, 0.0)
            for own_HW, part in _components(deep_HW, certain=certain, faint=faint, narrowest=window.narrowest_px):
                around = _ground_around(own_HW, above_HW[part], mask_HW[part])
                found.append(_mark(own_HW, sign * (above_HW[part] - around), part, sign))
                taken_HW[part][own_HW] = 1
        free_HW = mask_HW & (cv2.dilate(taken_HW, np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)) == 0)
    deep = sorted((mark for mark in found if mark.depth >= least_depth), key=lambda mark: -mark.depth)
    return tuple(deep[:MOST])


def _components(
    deep_HW: Array, *, certain: float, faint: float, narrowest: int
) -> Iterator[tuple[Mask, tuple[slice, slice]]]:
    """Each connected part deeper than `faint`, and somewhere than `certain`, without what is narrower than `narrowest`
    pixels: within a window with some ground around it, and where in the map that window is."""
    import cv2

    deep_enough_HW = (deep_HW > faint).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (narrowest, narrowest))
    wide_HW = cv2.morphologyEx(deep_enough_HW, cv2.MORPH_OPEN, kernel)
    count, labels_HW, stats, _ = cv2.connectedComponentsWithStats(wide_HW, connectivity=8)
    certain_N = np.bincount(labels_HW[deep_HW > certain], minlength=count)
    for label in range(1, count):
        if certain_N[label] < _LEAST_PIXELS:
            continue
        left, top, width, height, area = (int(each) for each in stats[label])
        reach = _reach(area)
        part = (slice(max(0, top - reach), top + height + reach), slice(max(0, left - reach), left + width + reach))
        yield labels_HW[part] == label, part


def _reach(area: int) -> int:
    return max(_RING, round(float(np.sqrt(area)) / 2))


def _ground_around(own_HW: Mask, above_HW: Array, mask_HW: Mask) -> float:
    """Around a mark, not of the whole card: what integration is off by grows slowly over many pixels."""
    import cv2

    side = 2 * _reach(int(own_HW.sum())) + 1
    ring_HW = (cv2.dilate(own_HW.astype(np.uint8), np.ones((side, side), np.uint8)) > 0) & ~own_HW & mask_HW
    return float(np.median(above_HW[ring_HW])) if ring_HW.any() else 0.0


def _mark(own_HW: Mask, deep_HW: Array, part: tuple[slice, slice], sign: int) -> Mark:
    down_N, across_N = np.nonzero(own_HW)
    # Second moments of a pixel's own square keep a row of pixels from having no width.
    moments_22 = np.cov(np.stack([across_N, down_N]), bias=True) + np.eye(2) / 12
    variances_2, axes_22 = np.linalg.eigh(moments_22)
    narrow, long = np.sqrt(12 * np.maximum(variances_2, 0))
    right, down = (long / 2 * axes_22[:, 1]).tolist()
    kinds = ("groove", "dent") if sign < 0 else ("ridge", "bump")
    return Mark(
        kind=kinds[0 if long > _ELONGATED * narrow else 1],
        x=float(across_N.mean() + part[1].start + 0.5),
        y=float(down_N.mean() + part[0].start + 0.5),
        length=float(long),
        width=float(narrow),
        depth=float(deep_HW[own_HW].max()),
        area=len(down_N),
        half=(right, down),
    )
