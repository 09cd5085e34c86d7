"""Small pictures with a label for the whole: a grade, a score, or the damages on them.

Array legend: H height, W width, C colour (0 to 255), S side.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import cv2
import numpy as np
from truscore.synthesis.texture import clouds

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]

GRADES = (1, 3, 5, 7, 10)
DAMAGES = ("crease", "dent", "scratch", "stain", "wear")
DAMAGE_SHARE = 0.35  # of pictures, for each damage on its own
BLUR_PX = (0.3, 2.2)  # standard deviation: a score of 10, and of 1
LEAST_SIDE_PX = 24


def render_graded(folder: Path, *, count: int, seed: int, side: int = 64, grades: Sequence[int] = GRADES) -> Path:
    """`count` corners in a folder for each grade, in turn: the lower the grade, the rounder and the whiter the corner.

    The same arguments give the same bytes; picture number n depends on seed and n alone.
    """
    for number, rng in _numbered(count, seed, side):
        grade = grades[number % len(grades)]
        (folder / str(grade)).mkdir(parents=True, exist_ok=True)
        worn = (10 - grade) / 9
        _write(folder / str(grade) / f"corner-{number:04d}.png", _corner(rng, side, worn=worn), rng)
    return folder


def render_scored(folder: Path, *, count: int, seed: int, side: int = 64) -> Path:
    """`count` corners and a table with the score `sharpness` of each, from 1 (soft) to 10 (as sharp as they come)."""
    rows = []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number, rng in _numbered(count, seed, side):
        score = round(float(rng.uniform(1, 10)), 2)
        blur_px = float(np.interp(score, (1, 10), BLUR_PX[::-1]))
        soft_HWC = cv2.GaussianBlur(_corner(rng, side, worn=float(rng.uniform(0, 0.5))), (0, 0), blur_px)
        name = f"images/corner-{number:04d}.png"
        _write(folder / name, np.asarray(soft_HWC, dtype=np.float32), rng)
        rows.append((name, score))
    _write_table(folder / "scores.csv", ("filename", "sharpness"), rows)
    return folder


def render_labelled(folder: Path, *, count: int, seed: int, side: int = 64) -> Path:
    """`count` surfaces and a table with the damages of each, none or several."""
    rows = []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number, rng in _numbered(count, seed, side):
        surface_HWC = _surface(rng, side)
        found = [name for name in DAMAGES if rng.random() < DAMAGE_SHARE]
        for name in found:
            _PAINTERS[name](rng, surface_HWC)
        file = f"images/surface-{number:04d}.png"
        _write(folder / file, surface_HWC, rng)
        rows.append((file, "|".join(found) or "none"))
    _write_table(folder / "labels.csv", ("filename", "damages"), rows)
    return folder


def _numbered(count: int, seed: int, side: int) -> list[tuple[int, Generator]]:
    if count < 1 or side < LEAST_SIDE_PX:
        raise ValueError(f"count {count}, side {side}: expected at least 1 picture of at least {LEAST_SIDE_PX} px")
    return [(number, np.random.default_rng([seed, number])) for number in range(count)]


def _corner(rng: Generator, side: int, *, worn: float) -> Picture:
    """A card's upper left corner on a dark table; `worn` from 0 to 1 rounds and whitens it."""
    table_HWC = _surface(rng, side) * np.float32(0.3)
    card_HWC = _surface(rng, side)
    left, top = rng.uniform(0.1, 0.22, size=2) * side
    radius = side * (0.02 + 0.33 * worn)
    y_HW, x_HW = np.mgrid[0:side, 0:side].astype(np.float32) + 0.5
    # Distance to the corner's outline, positive on the card.
    corner_x, corner_y = left + radius, top + radius
    round_HW = radius - np.hypot(np.minimum(x_HW - corner_x, 0), np.minimum(y_HW - corner_y, 0))
    inside_HW = np.minimum(np.minimum(x_HW - left, y_HW - top), round_HW)
    covered_HW1 = np.clip(inside_HW + 0.5, 0, 1)[..., None]
    reach = side * 0.14 * worn
    if reach > 0:
        rough_HW = 0.6 + 0.4 * clouds(rng, side, side, cells=8)
        white_HW1 = np.clip(1 - inside_HW / (reach * np.clip(rough_HW, 0.1, 2)), 0, 1)[..., None]
        card_HWC = card_HWC + (245 - card_HWC) * white_HW1
    return np.asarray(table_HWC + (card_HWC - table_HWC) * covered_HW1, dtype=np.float32)


def _surface(rng: Generator, side: int) -> Picture:
    """Print in a colour of its own, a little uneven, with bars of another."""
    colour, ink = rng.uniform(60, 190, size=(2, 3)).astype(np.float32)
    surface_HWC = np.broadcast_to(colour, (side, side, 3)).copy()
    for _ in range(3):
        left, top = rng.integers(0, side, size=2)
        width, height = rng.integers(side // 8, side // 2, size=2)
        surface_HWC[top : top + height, left : left + width] = ink
    return np.asarray(surface_HWC + 8 * clouds(rng, side, side, cells=5)[..., None], dtype=np.float32)


def _scratch(rng: Generator, surface_HWC: Picture) -> None:
    """A bright hairline, hardly bent."""
    start, end = _across(rng, surface_HWC, length=rng.uniform(0.5, 0.8))
    cv2.line(surface_HWC, start, end, (250, 250, 250), 1, cv2.LINE_AA)


def _crease(rng: Generator, surface_HWC: Picture) -> None:
    """A fold right across: a broad dark line beside a bright one."""
    start, end = _across(rng, surface_HWC, length=1.6)
    thickness = max(2, len(surface_HWC) // 16)
    cv2.line(surface_HWC, start, end, (25, 25, 25), thickness, cv2.LINE_AA)
    beside = tuple((x + thickness, y + thickness) for x, y in (start, end))
    cv2.line(surface_HWC, beside[0], beside[1], (230, 230, 230), max(1, thickness // 2), cv2.LINE_AA)


def _dent(rng: Generator, surface_HWC: Picture) -> None:
    """A round hollow: light on one side of it, shade on the other."""
    side = len(surface_HWC)
    x, y = rng.uniform(0.25, 0.75, size=2) * side
    radius = rng.uniform(0.1, 0.16) * side
    y_HW, x_HW = np.mgrid[0:side, 0:side].astype(np.float32)
    slope_HW = ((x_HW - x) + (y_HW - y)) / radius
    surface_HWC += (110 * slope_HW * np.exp(-((x_HW - x) ** 2 + (y_HW - y) ** 2) / radius**2))[..., None]


def _stain(rng: Generator, surface_HWC: Picture) -> None:
    """A brown blot with a soft rim."""
    side = len(surface_HWC)
    x, y = rng.uniform(0.2, 0.8, size=2) * side
    radius = rng.uniform(0.14, 0.24) * side
    y_HW, x_HW = np.mgrid[0:side, 0:side].astype(np.float32)
    share_HW = np.clip(1.6 - np.hypot(x_HW - x, y_HW - y) / radius, 0, 1)[..., None]
    surface_HWC += (np.array([105, 62, 18], dtype=np.float32) - surface_HWC) * share_HW * 0.85


def _wear(rng: Generator, surface_HWC: Picture) -> None:
    """White specks along one side."""
    side = len(surface_HWC)
    turned_HWC = np.rot90(surface_HWC, int(rng.integers(4)))
    depth = max(3, side // 8)
    specks_HW = rng.random((depth, side)) < np.linspace(0.85, 0.25, depth)[:, None]
    turned_HWC[:depth][specks_HW] = 248


_PAINTERS: Mapping[str, Callable[[Generator, Picture], None]] = MappingProxyType(
    {"crease": _crease, "dent": _dent, "scratch": _scratch, "stain": _stain, "wear": _wear}
)


def _across(rng: Generator, surface_HWC: Picture, *, length: float) -> tuple[tuple[int, int], tuple[int, int]]:
    side = len(surface_HWC)
    x, y = rng.uniform(0.35, 0.65, size=2) * side
    angle = rng.uniform(0, math.pi)
    dx, dy = math.cos(angle) * length * side / 2, math.sin(angle) * length * side / 2
    return (round(x - dx), round(y - dy)), (round(x + dx), round(y + dy))


def _write(path: Path, picture_HWC: Picture, rng: Generator) -> None:
    noisy_HWC = picture_HWC + rng.normal(0, 2, size=picture_HWC.shape)
    _, encoded = cv2.imencode(".png", np.clip(np.round(noisy_HWC), 0, 255).astype(np.uint8)[..., ::-1])
    path.write_bytes(encoded.tobytes())


def _write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
