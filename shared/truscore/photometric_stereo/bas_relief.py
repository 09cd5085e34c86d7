"""The three numbers that integrability leaves open, and what may be assumed to settle them. N pixels, L lights.

A surface that is tilted by (m, n) and stretched by s under lights that are moved to match gives the same views: the
generalised bas-relief ambiguity (Belhumeur, Kriegman & Yuille 1999, eq. 5). Seen from the camera, (x, y) of each light
are beyond it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from truscore.photometric_stereo.least_squares import Array

_ALBEDO_STEP = 0.03  # of a logarithm, a bin of the histogram
_SMOOTHED_BINS = 1.5  # one standard deviation
_EQUAL_LAMPS = 2.0  # what a spread of the lamps' logarithms counts beside the entropy, in nats
_ASSUMED_HEIGHT_DEG = 50.0  # of the median lamp, where the search begins
_REACH = (1.0, 1.0, 1.2)  # of slopes in x and y, and of the logarithm of the stretch
_FIRST_GRID, _GRID, _ROUNDS = 9, 5, 9
_MOST_PIXELS = 1500
_LEAST_ALBEDO = 0.1  # of the median: darker pixels are noise
_LEAST_Z = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class LitSurface:
    """Normals times albedo and lights times intensity whose products the samples are."""

    scaled_N3: Array
    lights_L3: Array

    def moved(self, tilt_2: Array, stretch: float) -> LitSurface:
        """The same views from a surface whose slopes are (p + tilt) / stretch."""
        scaled_N3 = self.scaled_N3.copy()
        scaled_N3[:, :2] += np.asarray(tilt_2) * self.scaled_N3[:, 2:]
        scaled_N3[:, 2] *= stretch
        lights_L3 = self.lights_L3.copy()
        lights_L3[:, 2] = (lights_L3[:, 2] - lights_L3[:, :2] @ tilt_2) / stretch
        return LitSurface(scaled_N3=scaled_N3, lights_L3=lights_L3)

    def inverted(self) -> LitSurface:
        """The same views from what is hollow where this is raised, lit from the other side."""
        flip_3 = np.array([-1.0, -1.0, 1.0])
        return LitSurface(scaled_N3=self.scaled_N3 * flip_3, lights_L3=self.lights_L3 * flip_3)

    def under_lamps(self, height_deg: float) -> LitSurface:
        """Stretched until the median lamp stands that high."""
        sideways_L = np.hypot(self.lights_L3[:, 0], self.lights_L3[:, 1])
        slope = float(np.median(self.lights_L3[:, 2] / np.maximum(sideways_L, _LEAST_Z)))
        return self.moved(np.zeros(2), max(slope, _LEAST_Z) / np.tan(np.radians(height_deg)))


def flat_in_the_large(surface: LitSurface, height_deg: float) -> LitSurface:
    """Tilted so that the median slope is 0, under lamps that high: what a card is."""
    slopes_N2 = surface.scaled_N3[:, :2] / np.maximum(surface.scaled_N3[:, 2:], _LEAST_Z)
    seen_N = surface.scaled_N3[:, 2] > _LEAST_Z
    tilt_2 = -np.median(slopes_N2[seen_N], axis=0) if seen_N.any() else np.zeros(2)
    return surface.moved(tilt_2, 1.0).under_lamps(height_deg)


def of_few_albedos(surface: LitSurface, height_deg: float | None = None) -> LitSurface:
    """Of all that give these views the one whose albedo has the least entropy (Alldrin, Mallick & Kriegman 2007, eq. 8,
    of its logarithm, which no brightness changes) and whose lamps are about equally bright; among lamps that high where
    that is known. Lamps have to stand on the camera's side."""
    # Begins where heights of lamps have nothing to do with their sides.
    sideways_L3 = np.column_stack([surface.lights_L3[:, :2], np.ones(len(surface.lights_L3))])
    leaning_3 = np.linalg.lstsq(sideways_L3, surface.lights_L3[:, 2], rcond=None)[0].astype(np.float64)
    first = surface.moved(leaning_3[:2], 1.0).under_lamps(height_deg or _ASSUMED_HEIGHT_DEG)
    albedo_N = np.linalg.norm(first.scaled_N3, axis=1)
    bright_N3 = first.scaled_N3[albedo_N > _LEAST_ALBEDO * np.median(albedo_N)]
    chosen = np.linspace(0, len(bright_N3) - 1, min(_MOST_PIXELS, len(bright_N3))).astype(int)
    some = LitSurface(scaled_N3=bright_N3[chosen], lights_L3=first.lights_L3)

    def placed(whole: LitSurface, tilt_x: float, tilt_y: float, logarithm: float) -> LitSurface:
        moved = whole.moved(np.array([tilt_x, tilt_y]), float(np.exp(logarithm)))
        return moved if height_deg is None else moved.under_lamps(height_deg)

    def cost(tilt_x: float, tilt_y: float, logarithm: float) -> float:
        tried = placed(some, tilt_x, tilt_y, logarithm)
        if (tried.lights_L3[:, 2] <= 0).any():
            return np.inf
        lamps_L = np.log(np.linalg.norm(tried.lights_L3, axis=1))
        return _entropy(np.log(np.linalg.norm(tried.scaled_N3, axis=1))) + _EQUAL_LAMPS * float(lamps_L.std())

    reach = _REACH if height_deg is None else (*_REACH[:2], 0.0)
    return placed(first, *_least(cost, reach))


def _entropy(values_N: Array) -> float:
    """Of a histogram of fixed steps, smoothed, in nats."""
    low, high = np.percentile(values_N, (1, 99))
    kept_N = np.clip(values_N, low - 0.5, high + 0.5)
    bins = max(8, int(np.ptp(kept_N) / _ALBEDO_STEP))
    counts = np.histogram(kept_N, bins=bins)[0].astype(np.float64)
    window = np.exp(-0.5 * (np.arange(-3, 4) / _SMOOTHED_BINS) ** 2)
    shares = np.convolve(counts, window / window.sum(), mode="same")
    shares = shares[shares > 0] / shares.sum()
    return float(-(shares * np.log(shares)).sum())


def _least(cost: Callable[..., float], reach: tuple[float, ...]) -> Array:
    """Where the cost is least, on grids around the best place so far, each half as wide."""
    middle, span = np.zeros(len(reach)), np.array(reach)
    for round_ in range(_ROUNDS):
        steps = np.linspace(-1, 1, _GRID if round_ else _FIRST_GRID)
        places = [middle + span * np.array(step) for step in product(*(steps if each else (0.0,) for each in span))]
        middle = places[int(np.argmin([cost(*place) for place in places]))]
        span = span / 2
    found: Array = middle
    return found
