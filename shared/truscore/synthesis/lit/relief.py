"""Height fields that know their own slopes. H height, W width of the picture.

Heights and lengths are in pixels, x to the right, y UP, z to the camera; the origin is the picture's middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Field = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Relief:
    """A height and its exact derivatives along x and y, each [H, W]."""

    height: Field
    along_x: Field
    along_y: Field

    def __add__(self, other: Relief) -> Relief:
        return Relief(
            height=self.height + other.height,
            along_x=self.along_x + other.along_x,
            along_y=self.along_y + other.along_y,
        )

    def __mul__(self, other: Relief) -> Relief:
        """The product, by the product rule."""
        return Relief(
            height=self.height * other.height,
            along_x=self.along_x * other.height + self.height * other.along_x,
            along_y=self.along_y * other.height + self.height * other.along_y,
        )

    def scaled(self, factor: float) -> Relief:
        return Relief(height=factor * self.height, along_x=factor * self.along_x, along_y=factor * self.along_y)

    def normals(self) -> Field:
        """Unit vectors [H, W, 3]."""
        upward_HW3 = np.stack([-self.along_x, -self.along_y, np.ones(self.height.shape)], axis=-1)
        unit: Field = upward_HW3 / np.sqrt((upward_HW3**2).sum(axis=-1, keepdims=True))
        return unit


def grid(height: int, width: int) -> tuple[Field, Field]:
    """x and y of each pixel's middle [H, W]."""
    rows, columns = np.indices((height, width), dtype=np.float64)
    return columns - (width - 1) / 2, (height - 1) / 2 - rows


def flat(height: int, width: int) -> Relief:
    zeros = np.zeros((height, width))
    return Relief(height=zeros, along_x=zeros, along_y=zeros)


def noise(rng: Generator, height: int, width: int, *, length: float, amplitude: float) -> Relief:
    """Gaussian noise, correlated over `length`, of standard deviation `amplitude`; differentiated in the spectrum."""
    frequency_x = 2 * np.pi * np.fft.rfftfreq(width)[None, :]
    frequency_y = -2 * np.pi * np.fft.fftfreq(height)[:, None]  # rows run downward
    spectrum = np.fft.rfft2(rng.normal(size=(height, width)))
    spectrum *= np.exp(-(frequency_x**2 + frequency_y**2) * length**2 / 2)
    spectrum[0, 0] = 0
    if height % 2 == 0:
        spectrum[height // 2] = 0  # the fastest waves have no derivative on the grid
    if width % 2 == 0:
        spectrum[:, width // 2] = 0
    made, along_x, along_y = (
        np.fft.irfft2(part, s=(height, width))
        for part in (spectrum, 1j * frequency_x * spectrum, 1j * frequency_y * spectrum)
    )
    factor = amplitude / max(float(made.std()), 1e-12)
    return Relief(height=made, along_x=along_x, along_y=along_y).scaled(factor)


def bell(x: Field, y: Field, *, at: tuple[float, float], radii: tuple[float, float], turn: float) -> Relief:
    """A Gaussian of height 1 with one standard deviation a radius, its first axis turned (radians)."""
    along, across = _turned(x - at[0], y - at[1], turn)
    made = np.exp(-((along / radii[0]) ** 2 + (across / radii[1]) ** 2) / 2)
    return _turned_back(made, -made * along / radii[0] ** 2, -made * across / radii[1] ** 2, turn)


def groove(
    x: Field, y: Field, *, at: tuple[float, float], length: float, width: float, turn: float, softness: float = 1.5
) -> Relief:
    """A straight line of height 1: a Gaussian across, ends that fade over `softness`."""
    along, across = _turned(x - at[0], y - at[1], turn)
    profile = np.exp(-((across / width) ** 2) / 2)
    start, end = (_logistic((sign * along + length / 2) / softness) for sign in (1, -1))
    made = profile * start * end
    along_it = profile * start * end * ((1 - start) - (1 - end)) / softness
    return _turned_back(made, along_it, -made * across / width**2, turn)


def fold(x: Field, y: Field, *, at: tuple[float, float], turn: float, width: float) -> Relief:
    """Two planes that meet in a rounded ridge, slope -1 to either side; `width` is how round."""
    _, across = _turned(x - at[0], y - at[1], turn)
    root = np.sqrt(across**2 + width**2)
    return _turned_back(-root, np.zeros(root.shape), -across / root, turn)


def bow(x: Field, y: Field, *, turn: float, curvature: float) -> Relief:
    """A cylinder's parabola: height curvature / 2 times the square of the way across."""
    _, across = _turned(x, y, turn)
    return _turned_back(curvature / 2 * across**2, np.zeros(across.shape), curvature * across, turn)


def rounded_edge(x: Field, y: Field, *, at: float, turn: float, width: float) -> Relief:
    """0 far inside a straight edge, falling towards -1 where the way to the edge, over `width`, ends."""
    _, across = _turned(x, y, turn)
    inside = _logistic((at - across) / width)
    return _turned_back(inside - 1, np.zeros(inside.shape), -inside * (1 - inside) / width, turn)


def _turned(x: Field, y: Field, turn: float) -> tuple[Field, Field]:
    cosine, sine = np.cos(turn), np.sin(turn)
    return cosine * x + sine * y, cosine * y - sine * x


def _turned_back(made: Field, along: Field, across: Field, turn: float) -> Relief:
    cosine, sine = np.cos(turn), np.sin(turn)
    return Relief(height=made, along_x=cosine * along - sine * across, along_y=sine * along + cosine * across)


def _logistic(values: Field) -> Field:
    logistic: Field = 1 / (1 + np.exp(-np.clip(values, -60, 60)))
    return logistic
