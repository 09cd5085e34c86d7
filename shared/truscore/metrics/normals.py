"""How far predicted surface normals point from the true ones. N pixels, L lights, 3 the axes x, y, z."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.diagnostics import Diagnostics, ImageError, Row

Array = NDArray[np.floating]
SHARES = (5, 10, 20)  # degrees, as tables of photometric stereo give them


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectNormals:
    """How far an object's normals are off: ``image`` is its index in the split, ``errors_N`` degrees by pixel.
    ``light_error_deg`` is how far lights that were found beside them are, in the mean; NaN where none were."""

    image: int
    name: str
    lights: int
    errors_N: NDArray[np.float32]
    light_error_deg: float = math.nan


def angular_errors(prediction_N3: Array, target_N3: Array) -> NDArray[np.float64]:
    """Degrees between directions, 0 to 180; of any lengths above 0. NaN where one is no direction.

    By the half-angle formula of Kahan: arccos of the product loses half the digits of small angles.
    """
    prediction, target = (
        vectors_N3 / np.where((length_N1 := np.linalg.norm(vectors_N3, axis=-1, keepdims=True)) > 0, length_N1, np.nan)
        for vectors_N3 in (np.asarray(prediction_N3, dtype=np.float64), np.asarray(target_N3, dtype=np.float64))
    )
    apart_N = np.linalg.norm(prediction - target, axis=-1)
    together_N = np.linalg.norm(prediction + target, axis=-1)
    degrees_N: NDArray[np.float64] = np.degrees(2 * np.arctan2(apart_N, together_N))
    return degrees_N


def light_error_deg(found_L3: Array, true_L3: Array) -> float:
    """Mean angle between directions of lights, of any length; NaN where none of the true ones is known."""
    errors_L = angular_errors(found_L3, true_L3)
    known_L = errors_L[~np.isnan(errors_L)]
    return float(known_L.mean()) if len(known_L) else math.nan


def normal_metrics(errors_N: NDArray[np.float64]) -> Mapping[str, float]:
    """Mean, median and 95th percentile in degrees, the share of pixels below 5, 10 and 20; NaN without any pixel."""
    known_N = errors_N[~np.isnan(errors_N)]
    if not len(known_N):
        return dict.fromkeys(("mean_deg", "median_deg", "p95_deg", *(f"below_{bound}" for bound in SHARES)), math.nan)
    return {
        "mean_deg": float(known_N.mean()),
        "median_deg": float(np.median(known_N)),
        "p95_deg": float(np.percentile(known_N, 95)),
        **{f"below_{bound}": float((known_N < bound).mean()) for bound in SHARES},
    }


def by_lighting(
    errors_N: NDArray[np.float64], samples_NL: Array, target_N3: Array, directions_L3: Array
) -> Mapping[str, float]:
    """Mean error of pixels that are in shadow under a light, in a highlight under one, and of the plain rest.

    By the truth: a pixel is in shadow where a light that stands above its horizon leaves under a tenth of what
    Lambert's law foresees, or stands below it; in a highlight where it gives over half as much again. What the law
    foresees is scaled by the median over the lights.
    """
    foreseen_NL = np.asarray(target_N3, dtype=np.float64) @ np.asarray(directions_L3, dtype=np.float64).T
    above_NL = foreseen_NL > 0.05
    ratio_NL = np.where(above_NL, samples_NL / np.where(above_NL, foreseen_NL, 1.0), np.nan)
    seen_N = above_NL.any(axis=1)
    albedo_N1 = np.full((len(ratio_NL), 1), np.nan)
    albedo_N1[seen_N, 0] = np.nanmedian(ratio_NL[seen_N], axis=1)
    shadow_N = ((foreseen_NL <= 0) | (ratio_NL < 0.1 * albedo_N1)).any(axis=1)
    highlight_N = (ratio_NL > 1.5 * albedo_N1).any(axis=1)
    groups = {"shadow": shadow_N, "highlight": highlight_N, "plain": ~shadow_N & ~highlight_N}
    return {f"{name}_mean_deg": normal_metrics(errors_N[inside_N])["mean_deg"] for name, inside_N in groups.items()}


def object_metrics(results: Sequence[ObjectNormals]) -> dict[str, float]:
    """``mean_error_deg``, ``median_error_deg``, ``p95_error_deg`` and the shares ``below_5``, ``below_10``,
    ``below_20``: means over objects, so that a large one counts as a small one; empty without any known pixel. Where
    lights were found, ``light_error_deg`` beside them."""
    return _means([_of_object(result) for result in results])


def object_measure(results: Sequence[ObjectNormals]) -> Measure:
    """The same of any places of the results, for resampling."""
    each = [_of_object(result) for result in results]
    return lambda places: _means([each[place] for place in places])


def object_diagnostics(results: Sequence[ObjectNormals]) -> Diagnostics:
    """Figures by number of lights, and each object's mean error."""
    by_lights = sorted({result.lights for result in results})
    rows: list[Row] = [
        {"class": f"{lights} lights", **object_metrics([result for result in results if result.lights == lights])}
        for lights in by_lights
    ]
    errors = [(result, metrics) for result in results if (metrics := _of_object(result))]
    return Diagnostics(
        error_name="mean angular error, degrees",
        by_class=tuple(rows),
        image_errors=tuple(
            ImageError(
                image=result.image,
                error=metrics["mean_error_deg"],
                text=f"{result.name}, {result.lights} lights: mean {metrics['mean_error_deg']:.2f}, median "
                f"{metrics['median_error_deg']:.2f}, 95 % below {metrics['p95_error_deg']:.1f} degrees",
            )
            for result, metrics in errors
        ),
    )


def _of_object(result: ObjectNormals) -> dict[str, float]:
    figures = normal_metrics(result.errors_N.astype(np.float64))
    named = {name.replace("_deg", "_error_deg"): value for name, value in figures.items()}
    if not math.isnan(result.light_error_deg):
        named["light_error_deg"] = result.light_error_deg
    return {} if math.isnan(figures["mean_deg"]) else named


def _means(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    known = [each for each in figures if each]
    names = dict.fromkeys(name for each in known for name in each)
    return {name: float(np.mean([each[name] for each in known if name in each])) for name in names}
