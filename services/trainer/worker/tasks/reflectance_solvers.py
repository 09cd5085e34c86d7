"""What fits that learn nothing make of an object, and how whatever was found looks under the lights held out.

P pixels, L lights.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from truscore.metrics.reflectance import relighting_psnr
from truscore.photometric_stereo import cauchy_shading, fit_ggx, least_squares
from truscore.photometric_stereo.ggx import Reflectance
from truscore.photometric_stereo.relighting import beside_photographs, held_out

from services.trainer.worker.tasks.lit_objects import LitSample

Array = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was found of the pixels of one object; a confidence only of networks."""

    normals_P3: Array
    albedo_P: Array
    roughness_P: Array
    f0_P: Array
    confidence_P: Array | None = None


def held_lights(sample: LitSample) -> NDArray[np.bool_]:
    return held_out(sample.lights_L3.double().numpy())


def relit_beside(sample: LitSample, found: Found) -> tuple[Array, Array]:
    """The surface and the photographs of it under the lights that were held out [P, M]."""
    held_L = held_lights(sample)
    return beside_photographs(
        found.normals_P3.astype(np.float64),
        Reflectance(
            albedo_N=found.albedo_P.astype(np.float64),
            roughness_N=found.roughness_P.astype(np.float64),
            f0_N=found.f0_P.astype(np.float64),
        ),
        samples_NL=_plain(sample.samples_LP).T[:, held_L],
        directions_L3=_plain(sample.lights_L3)[held_L],
        level_L=_plain(sample.level_L)[held_L],
        share_L=_plain(sample.share_L)[held_L],
    )


def relighting_of(sample: LitSample, found: Found) -> float:
    return relighting_psnr(*relit_beside(sample, found))


def _least_squares(sample: LitSample, roughness: float) -> Found:
    samples_PL, lights_L3, _ = _shown(sample)
    shading = least_squares(samples_PL, lights_L3)
    return _lambertian(shading.normals_N3, shading.albedo_N, roughness)


def _black_level_cauchy(sample: LitSample, roughness: float) -> Found:
    samples_PL, lights_L3, level_L = _shown(sample)
    shading = cauchy_shading(samples_PL, lights_L3, black_level=level_L)
    return _lambertian(shading.normals_N3, shading.albedo_N, roughness)


def _ggx(sample: LitSample, _roughness: float) -> Found:
    samples_PL, lights_L3, level_L = _shown(sample)
    normals_P3 = cauchy_shading(samples_PL, lights_L3, black_level=level_L).normals_N3
    fitted = fit_ggx(samples_PL, normals_P3, lights_L3, black_level=level_L)
    return Found(normals_P3=normals_P3, albedo_P=fitted.albedo_N, roughness_P=fitted.roughness_N, f0_P=fitted.f0_N)


SOLVERS: Mapping[str, Callable[[LitSample, float], Found]] = {
    "least_squares": _least_squares,
    "black_level_cauchy": _black_level_cauchy,
    "ggx_fit": _ggx,
}


def _lambertian(normals_P3: Array, albedo_P: Array, roughness: float) -> Found:
    return Found(
        normals_P3=normals_P3,
        albedo_P=albedo_P,
        roughness_P=np.full_like(albedo_P, roughness),
        f0_P=np.zeros_like(albedo_P),
    )


def _shown(sample: LitSample) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Samples, lights and black levels of the lights that are not held out."""
    shown_L = ~held_lights(sample)
    samples_PL = _plain(sample.samples_LP).T[:, shown_L]
    return samples_PL, _plain(sample.lights_L3)[shown_L], _plain(sample.level_L)[shown_L]


def _plain(tensor: Tensor) -> NDArray[np.float64]:
    values: NDArray[np.float64] = tensor.double().numpy()
    return values
