"""How far predicted albedo, roughness and F0 are off, and how a surface looks under lights that were held out.

N pixels, L lights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.diagnostics import Diagnostics, ImageError, Row

Array = NDArray[np.floating]
CONFIDENT_WITHIN = 1.25  # a confidence is that of a roughness which is off by less than this factor
_GLOSSY = 1e-3  # an F0 below it mirrors nothing, and shows no roughness
_LEAST_MSE = 1e-8  # 80 dB: no photograph of sixteen bits tells more


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectReflectance:
    """How an object's reflectance was found: ``image`` is its index in the split, ``figures`` those of
    `reflectance_figures` and `relighting_psnr`, NaN where one is not defined."""

    image: int
    name: str
    lights: int
    figures: Mapping[str, float]


def fitted_gain(albedo_N: Array, target_N: Array) -> float:
    """The factor that brings an albedo closest to the truth, by least squares: the camera's gain is in the samples, and
    no view tells it."""
    square = float((np.asarray(albedo_N, dtype=np.float64) ** 2).sum())
    return float((np.asarray(albedo_N, dtype=np.float64) * target_N).sum()) / square if square > 0 else 0.0


def reflectance_figures(
    prediction: tuple[Array, Array, Array], target: tuple[Array, Array, Array], confidence_N: Array | None = None
) -> dict[str, float]:
    """Of albedo, roughness and F0 in this order, each [N]: mean absolute errors, those of albedo and F0 after one
    common factor (`fitted_gain`), that of roughness where the truth mirrors anything, NaN where it nowhere does.

    ``roughness_within`` is the share of such pixels whose roughness is off by less than a factor of 1.25, and
    ``roughness_confidence`` what a network says that it is.
    """
    albedo_N, roughness_N, f0_N = (np.asarray(each, dtype=np.float64) for each in prediction)
    true_albedo_N, true_roughness_N, true_f0_N = (np.asarray(each, dtype=np.float64) for each in target)
    gain = fitted_gain(albedo_N, true_albedo_N)
    glossy_N = true_f0_N > _GLOSSY
    figures = {
        "albedo_error": float(np.abs(gain * albedo_N - true_albedo_N).mean()),
        "roughness_error": _mean(np.abs(roughness_N - true_roughness_N)[glossy_N]),
        "f0_error": float(np.abs(gain * f0_N - true_f0_N).mean()),
    }
    ratio_N = np.maximum(roughness_N, true_roughness_N) / np.minimum(roughness_N, true_roughness_N)
    figures["roughness_within"] = _mean((ratio_N < CONFIDENT_WITHIN).astype(np.float64)[glossy_N])
    if confidence_N is not None:
        figures["roughness_confidence"] = _mean(np.asarray(confidence_N, dtype=np.float64)[glossy_N])
    return figures


def relighting_psnr(sent_NL: Array, photograph_NL: Array) -> float:
    """Peak signal-to-noise ratio in dB of the surface as it would look beside the photographs, of samples that are lit
    in these: relative to the largest number that a file holds, which is 1. NaN without a light or a lit sample.

    Where one part of a surface shades another its reflectance says nothing, so that samples in shadow do not count.
    """
    lit_NL = np.asarray(photograph_NL) > 0
    if not lit_NL.any():
        return math.nan
    mse = float(((np.asarray(sent_NL, dtype=np.float64) - photograph_NL)[lit_NL] ** 2).mean())
    return -10 * math.log10(max(mse, _LEAST_MSE))


def object_metrics(results: Sequence[ObjectReflectance]) -> dict[str, float]:
    """``relighting_PSNR_dB``, ``albedo_error``, ``roughness_error``, ``f0_error``, ``roughness_within`` and, of
    networks, ``roughness_confidence``: means over the objects that have them."""
    return _means([result.figures for result in results])


def object_measure(results: Sequence[ObjectReflectance]) -> Measure:
    """The same of any places of the results, for resampling."""
    return lambda places: _means([results[place].figures for place in places])


def object_diagnostics(results: Sequence[ObjectReflectance]) -> Diagnostics:
    """Figures by number of lights, and each object's albedo error."""
    by_lights = sorted({result.lights for result in results})
    rows: list[Row] = [
        {"class": f"{lights} lights", **object_metrics([result for result in results if result.lights == lights])}
        for lights in by_lights
    ]
    return Diagnostics(
        error_name="albedo error",
        by_class=tuple(rows),
        image_errors=tuple(
            ImageError(image=result.image, error=result.figures["albedo_error"], text=_text(result))
            for result in results
        ),
    )


def _text(result: ObjectReflectance) -> str:
    shown = {
        "relighting_PSNR_dB": "re-lit {:.1f} dB",
        "albedo_error": "albedo off by {:.3f}",
        "roughness_error": "roughness by {:.3f}",
        "f0_error": "F0 by {:.3f}",
    }
    known = (text.format(result.figures[name]) for name, text in shown.items() if _is_known(result.figures, name))
    return f"{result.name}, {result.lights} lights: {', '.join(known)}"


def _is_known(figures: Mapping[str, float], name: str) -> bool:
    return not math.isnan(figures.get(name, math.nan))


def _means(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for each in figures for name in each)
    known = {name: [each[name] for each in figures if _is_known(each, name)] for name in names}
    return {name: float(np.mean(values)) for name, values in known.items() if values}


def _mean(values_N: NDArray[np.float64]) -> float:
    return float(values_N.mean()) if len(values_N) else math.nan
