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
