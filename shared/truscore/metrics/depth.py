"""How far predicted depths lie from the true ones. H height, W width, N pixels that both know."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.diagnostics import Diagnostics, ImageError, Row
from truscore.metrics.normals import angular_errors
from truscore.photometric_stereo.integration import depth_normals

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectDepth:
    """How far an object's depth is off: ``image`` is its index in the split, ``errors_N`` micrometres by pixel once the
    plane is removed, ``angles_N`` degrees between the normals of both depths. ``intervals_N`` is by how many intervals
    of its depth range it is off, no plane removed, where cameras tell that range; empty where none does."""

    image: int
    name: str
    lights: int
    errors_N: NDArray[np.float32]
    angles_N: NDArray[np.float32]
    intervals_N: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))


def without_plane(depth_HW: Array, mask_HW: Mask) -> Array:
    """The depth less the plane of least squares over the mask, NaN outside: neither where a surface lies nor how it is
    tilted follows from how it shades to the micrometre."""
    down_N, across_N = np.nonzero(mask_HW)
    terms_N3 = np.stack([np.ones(len(down_N)), across_N, down_N], axis=-1)
    straight_HW = np.full(depth_HW.shape, np.nan)
    if len(down_N):
        plane_3 = np.linalg.lstsq(terms_N3, depth_HW[mask_HW], rcond=None)[0]
        straight_HW[mask_HW] = depth_HW[mask_HW] - terms_N3 @ plane_3
    return straight_HW


def depth_errors(prediction_HW: Array, target_HW: Array, mask_HW: Mask, *, pitch_um: float) -> tuple[Array, Array]:
    """Micrometres [N] by which both differ, without the plane that fits their difference best, and degrees [N] between
    their normals, which are those of differences between neighbours. Depths are in micrometres; pixels are those of the
    mask that have a true depth. Raises ValueError for depths of other sizes."""
    if not prediction_HW.shape == target_HW.shape == mask_HW.shape:
        shapes = f"{prediction_HW.shape}, {target_HW.shape}, {mask_HW.shape}"
        raise ValueError(f"depths and mask of {shapes}; accepted is one size")
    known_HW = mask_HW & np.isfinite(target_HW)
    apart_HW = without_plane(np.where(known_HW, prediction_HW - target_HW, 0.0), known_HW)
    found_N3, true_N3 = (
        depth_normals(np.where(known_HW, each_HW, 0.0) / pitch_um, known_HW)[known_HW]
        for each_HW in (prediction_HW, target_HW)
    )
    return np.abs(apart_HW[known_HW]), angular_errors(found_N3, true_N3)


def depth_metrics(results: Sequence[ObjectDepth]) -> dict[str, float]:
    """``mean_depth_error_um``, ``rms_depth_error_um``, ``p95_depth_error_um`` and ``mean_normal_error_deg``: means over
    objects; empty without any known pixel. Of several cameras also ``share_within_interval`` and
    ``mean_error_intervals``."""
    return _means([_of_object(result) for result in results])


def depth_measure(results: Sequence[ObjectDepth]) -> Measure:
    """The same of any places of the results, for resampling."""
    each = [_of_object(result) for result in results]
    return lambda places: _means([each[place] for place in places])


def depth_diagnostics(results: Sequence[ObjectDepth]) -> Diagnostics:
    """Figures by number of lights, and each object's mean error."""
    rows: list[Row] = [
        {"class": f"{lights} lights", **depth_metrics([result for result in results if result.lights == lights])}
        for lights in sorted({result.lights for result in results})
    ]
    figures = [(result, found) for result in results if (found := _of_object(result))]
    return Diagnostics(
        error_name="mean depth error, micrometres",
        by_class=tuple(rows),
        image_errors=tuple(
            ImageError(
                image=result.image,
                error=found["mean_depth_error_um"],
                text=f"{result.name}, {result.lights} lights: mean {found['mean_depth_error_um']:.2f} um, 95 % below "
                f"{found['p95_depth_error_um']:.1f} um, normals {found['mean_normal_error_deg']:.2f} degrees",
            )
            for result, found in figures
        ),
    )


def _of_object(result: ObjectDepth) -> dict[str, float]:
    if not len(result.errors_N):
        return {}
    errors_N, angles_N = result.errors_N.astype(np.float64), result.angles_N.astype(np.float64)
    figures = {
        "mean_depth_error_um": float(errors_N.mean()),
        "rms_depth_error_um": float(np.sqrt((errors_N**2).mean())),
        "p95_depth_error_um": float(np.percentile(errors_N, 95)),
        "mean_normal_error_deg": float(np.nanmean(angles_N)) if not np.isnan(angles_N).all() else math.nan,
    }
    if len(result.intervals_N):
        figures["share_within_interval"] = float((result.intervals_N <= 1).mean())
        figures["mean_error_intervals"] = float(result.intervals_N.astype(np.float64).mean())
    return figures if all(math.isfinite(value) for value in figures.values()) else {}


def _means(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    known = [each for each in figures if each]
    return {name: float(np.mean([each[name] for each in known])) for name in known[0]} if known else {}
