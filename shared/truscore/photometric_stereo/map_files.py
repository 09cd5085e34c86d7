"""Maps of a surface on disk: numbers as npy, pictures as png. H height, W width."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from truscore.photometric_stereo.least_squares import Array
from truscore.photometric_stereo.marks import Mark
from truscore.photometric_stereo.relief_maps import Mask, ReliefMaps

_LEAST_SHOWN = 800  # pixels of the longer side


def write_deviation(home: Path, deviation_HW: Array, mask_HW: Mask) -> None:
    """lamp_deviation.npy, NaN outside the mask, and its picture, spread from the 1st to the 99th percentile."""
    home.mkdir(parents=True, exist_ok=True)
    _write_map(home / "lamp_deviation", np.where(mask_HW, deviation_HW, np.nan), mask_HW)


def write_relief(home: Path, normals_HW3: Array, maps: ReliefMaps, mask_HW: Mask, *, pitch_um: float = 0.0) -> None:
    """normals.npy and normals.png (16 bits, 65535 (n + 1) / 2, 0 outside the mask), and of depth (`depth_um` where a
    pixel's length is given, else `depth_px`), slope and curvature numbers and a picture, each spread from its 1st to
    its 99th percentile."""
    home.mkdir(parents=True, exist_ok=True)
    np.save(home / "normals.npy", normals_HW3.astype(np.float32))
    coded_HW3 = np.where(mask_HW[..., None], np.round(65535 * (np.clip(normals_HW3, -1, 1) + 1) / 2), 0)
    _write_png(home / "normals.png", coded_HW3.astype(np.uint16)[..., ::-1])
    named = {
        "depth_um" if pitch_um else "depth_px": maps.depth_HW * (pitch_um or 1.0),
        "slope": maps.slope_HW,
        "curvature": maps.curvature_HW,
    }
    for name, values_HW in named.items():
        _write_map(home / name, values_HW, mask_HW)


def write_relative_relief(home: Path, maps: ReliefMaps, mask_HW: Mask) -> None:
    """relative_depth and relative_slope, numbers and pictures: right up to one factor that nobody has declared."""
    home.mkdir(parents=True, exist_ok=True)
    for name, values_HW in {"relative_depth": maps.depth_HW, "relative_slope": maps.slope_HW}.items():
        _write_map(home / name, values_HW, mask_HW)


def write_lights(path: Path, names: Sequence[str], directions_L3: Array, intensities_L: Array) -> None:
    """One row of a CSV file for each light: its name, a unit vector towards it, and its intensity, 1 in the mean."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["light", "x", "y", "z", "intensity"])
        for name, direction_3, intensity in zip(names, directions_L3, intensities_L, strict=True):
            writer.writerow([name, *(f"{part:.6f}" for part in (*direction_3, intensity))])


def write_marks(path: Path, marks: Sequence[Mark], *, pitch_um: float = 0.0) -> list[dict[str, str | float]]:
    """One row of a CSV file for each mark, and the rows: kind, x and y in pixels from the upper left corner; length,
    width and depth in micrometres where a pixel's length is given (`length_um`, ...), else in pixels (`length_px`)."""
    unit, factor = ("um", pitch_um) if pitch_um else ("px", 1.0)
    rows: list[dict[str, str | float]] = [
        {
            "kind": mark.kind,
            "x_px": round(mark.x, 1),
            "y_px": round(mark.y, 1),
            **{
                f"{name}_{unit}": round(value * factor, 3)
                for name, value in (("length", mark.length), ("width", mark.width), ("depth", mark.depth))
            },
            "area_px": mark.area,
        }
        for mark in marks
    ]
    columns = ["kind", "x_px", "y_px", *(f"{name}_{unit}" for name in ("length", "width", "depth")), "area_px"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return rows


def write_marks_picture(path: Path, deviation_HW: Array, mask_HW: Mask, marks: Sequence[Mark]) -> None:
    """The lamps' deviation with the rows of `write_marks` by number: red is sunken, green is raised; lines have a line
    on both sides, the rest is circled."""
    bgr_HW3 = cv2.cvtColor(_grey(deviation_HW, mask_HW), cv2.COLOR_GRAY2BGR)
    factor = max(1, round(_LEAST_SHOWN / max(mask_HW.shape)))
    bgr_HW3 = cv2.resize(bgr_HW3, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    scale = max(1.0, max(bgr_HW3.shape) / 1000)
    for number, mark in enumerate(marks, start=1):
        colour = (60, 60, 255) if mark.kind in ("dent", "groove") else (80, 200, 80)
        middle_2, half_2 = factor * np.array([mark.x, mark.y]), factor * np.array(mark.half)
        if mark.kind in ("groove", "ridge"):
            beside_2 = np.array([-half_2[1], half_2[0]]) / max(float(np.hypot(*half_2)), 1e-9)
            # Two lines along it, not one over it: it is to be seen.
            for side in (-1, 1):
                ends = [middle_2 + sign * half_2 + side * (factor * mark.width / 2 + 3) * beside_2 for sign in (-1, 1)]
                start, end = ((round(float(x)), round(float(y))) for x, y in ends)
                cv2.line(bgr_HW3, start, end, colour, round(scale), cv2.LINE_AA)
        else:
            radius = round(factor * mark.length / 2 + 4)
            cv2.circle(bgr_HW3, (round(middle_2[0]), round(middle_2[1])), radius, colour, round(scale), cv2.LINE_AA)
        place = (round(middle_2[0] + 6 * scale), round(middle_2[1] - 6 * scale))
        cv2.putText(
            bgr_HW3, str(number), place, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * scale, colour, round(scale), cv2.LINE_AA
        )
    _write_png(path, np.asarray(bgr_HW3, np.uint8))


def _write_map(path: Path, values_HW: Array, mask_HW: Mask) -> None:
    np.save(path.with_suffix(".npy"), values_HW.astype(np.float32))
    _write_png(path.with_suffix(".png"), _grey(values_HW, mask_HW))


def _grey(values_HW: Array, mask_HW: Mask) -> NDArray[np.uint8]:
    low, high = np.percentile(values_HW[mask_HW], (1, 99)) if mask_HW.any() else (0.0, 1.0)
    share_HW = np.clip((np.where(mask_HW, values_HW, low) - low) / max(high - low, 1e-12), 0, 1)
    return np.round(255 * share_HW).astype(np.uint8)


def _write_png(path: Path, values: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    _, encoded = cv2.imencode(".png", values)
    path.write_bytes(encoded.tobytes())
