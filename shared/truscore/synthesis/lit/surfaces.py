"""What is lit: patches of cards and things of other shapes. H height, W width; lengths in pixels, y UP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from truscore.synthesis.lit.relief import (
    Field,
    Relief,
    bell,
    bow,
    flat,
    fold,
    grid,
    groove,
    noise,
    rounded_edge,
)
from truscore.synthesis.texture import clouds


@dataclass(frozen=True, kw_only=True, slots=True)
class Surface:
    """A relief with what it is made of; `pitch_um` is the length of a pixel in micrometres, 0 where it has no scale."""

    relief: Relief
    mask_HW: NDArray[np.bool_]
    albedo_HW3: Field  # red, green, blue, 0 to 1
    roughness_HW: Field  # alpha of GGX
    mirror_HW: Field  # reflection straight on (F0): 0.04 of paint, up to 0.8 of foil
    pitch_um: float
    grain_rad: float = 0.0  # spread of the slopes of the facets that scatter light: 0 is Lambert's law


def card(rng: Generator, height: int, width: int) -> Surface:
    """A few millimetres of a card: paper, bow and print, with dents, scratches, a crease or a worn edge."""
    pitch_um = float(rng.uniform(10, 40))
    px = 1 / pitch_um
    x, y = grid(height, width)
    print_HW = _printed(rng, height, width)
    relief = noise(rng, height, width, length=rng.uniform(1.2, 3), amplitude=rng.uniform(0.3, 2) * px)
    relief += noise(rng, height, width, length=rng.uniform(8, 20), amplitude=rng.uniform(1, 6) * px)
    relief += bow(x, y, turn=rng.uniform(0, np.pi), curvature=rng.uniform(-1, 1) * 0.15 / max(height, width))
    for _ in range(int(rng.integers(0, 4))):
        radii = (rng.uniform(3, width / 8 + 3), rng.uniform(3, height / 8 + 3))
        dent = bell(x, y, at=_place(rng, height, width), radii=radii, turn=rng.uniform(0, np.pi))
        relief += dent.scaled(-rng.uniform(10, 60) * px)
    for _ in range(int(rng.integers(0, 5))):
        scratch = groove(
            x,
            y,
            at=_place(rng, height, width),
            length=rng.uniform(0.2, 0.9) * width,
            width=rng.uniform(0.8, 1.6),
            turn=rng.uniform(0, np.pi),
        )
        relief += scratch.scaled(-rng.uniform(4, 20) * px)
    if rng.random() < 0.3:
        crease = fold(x, y, at=_place(rng, height, width), turn=rng.uniform(0, np.pi), width=rng.uniform(1.5, 4))
        relief += crease.scaled(rng.uniform(-0.25, 0.25))
    if rng.random() < 0.3:
        relief += _worn_edge(rng, x, y, px)
    foil_HW = clouds(rng, height, width, cells=3) > 0.35 if rng.random() < 0.4 else np.zeros((height, width), bool)
    return Surface(
        relief=relief,
        mask_HW=np.ones((height, width), dtype=bool),
        albedo_HW3=np.where(foil_HW[..., None], 0.35 * print_HW, print_HW),
        roughness_HW=np.where(foil_HW, rng.uniform(0.2, 0.4), rng.uniform(0.15, 0.6)),
        mirror_HW=np.where(foil_HW, rng.uniform(0.3, 0.8), 0.04),
        pitch_um=pitch_um,
    )


def ellipsoid(rng: Generator, height: int, width: int) -> Surface:
    """The front of an ellipsoid before a black ground, to within five degrees of its rim."""
    x, y = grid(height, width)
    across, upright = rng.uniform(0.3, 0.47) * width, rng.uniform(0.3, 0.47) * height
    depth = rng.uniform(0.5, 1.2) * min(across, upright)
    rest = 1 - (x / across) ** 2 - (y / upright) ** 2
    inside_HW = rest > np.sin(np.radians(5)) ** 2
    root = np.sqrt(np.where(inside_HW, rest, 1.0))
    relief = Relief(
        height=np.where(inside_HW, depth * root, 0.0),
        along_x=np.where(inside_HW, -depth * x / across**2 / root, 0.0),
        along_y=np.where(inside_HW, -depth * y / upright**2 / root, 0.0),
    )
    return _made_of(rng, relief, inside_HW)


def blobs(rng: Generator, height: int, width: int) -> Surface:
    """Rolling bumps, some of which shade others, within a round outline."""
    x, y = grid(height, width)
    relief = flat(height, width)
    for _ in range(int(rng.integers(4, 12))):
        radii = (rng.uniform(0.07, 0.2) * width, rng.uniform(0.07, 0.2) * height)
        bump = bell(x, y, at=_place(rng, height, width), radii=radii, turn=rng.uniform(0, np.pi))
        relief += bump.scaled(rng.uniform(-0.7, 1.0) * min(radii))
    inside_HW = (x / (0.48 * width)) ** 2 + (y / (0.48 * height)) ** 2 < 1
    return _made_of(rng, relief, inside_HW)


SURFACES: Mapping[str, Callable[[Generator, int, int], Surface]] = MappingProxyType(
    {"card": card, "ellipsoid": ellipsoid, "blobs": blobs}
)


def _made_of(rng: Generator, relief: Relief, mask_HW: NDArray[np.bool_]) -> Surface:
    height, width = mask_HW.shape
    spots_HW = np.asarray(clouds(rng, height, width, cells=4), dtype=np.float64)
    albedo = rng.uniform(0.2, 0.8, size=3) if rng.random() < 0.5 else np.full(3, rng.uniform(0.2, 0.8))
    return Surface(
        relief=relief,
        mask_HW=mask_HW,
        albedo_HW3=np.clip(albedo * (1 + rng.uniform(0, 0.4) * spots_HW[..., None]), 0.05, 1),
        roughness_HW=np.full(mask_HW.shape, rng.uniform(0.15, 0.7)),
        mirror_HW=np.full(mask_HW.shape, rng.choice((0.0, 0.04, 0.08))),
        pitch_um=0.0,
    )


def _printed(rng: Generator, height: int, width: int) -> Field:
    """Ink on paper: areas of few colours, 0.1 to 0.9."""
    areas_HW = np.digitize(clouds(rng, height, width, cells=3), (-0.4, 0.1, 0.5))
    printed: Field = rng.uniform(0.1, 0.9, size=(4, 3))[areas_HW]
    return printed


def _worn_edge(rng: Generator, x: Field, y: Field, px: float) -> Relief:
    """An edge that was rubbed round, more in some places than in others."""
    height, width = x.shape
    turn = rng.choice((0.0, np.pi / 2, np.pi, 3 * np.pi / 2))
    side = width if turn in {np.pi / 2, 3 * np.pi / 2} else height
    edge = rounded_edge(x, y, at=0.42 * side, turn=turn, width=rng.uniform(2, 5))
    frayed = noise(rng, height, width, length=rng.uniform(3, 6), amplitude=0.25)
    one = Relief(height=np.ones(x.shape), along_x=np.zeros(x.shape), along_y=np.zeros(x.shape))
    return (edge * (one + frayed)).scaled(rng.uniform(20, 80) * px)


def _place(rng: Generator, height: int, width: int) -> tuple[float, float]:
    return float(rng.uniform(-0.4, 0.4) * width), float(rng.uniform(-0.4, 0.4) * height)
