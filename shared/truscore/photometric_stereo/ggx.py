"""Light that a surface of microfacets sends to the camera. N pixels, L lights; x right, y UP, z to the camera.

GGX (Walter 2007, eq. 33) with Smith's shadowing by height (Heitz 2014, eq. 99) and Schlick's Fresnel (1994), over
Lambert's law. A light of intensity 1 makes a surface of albedo 1 that faces it send 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from truscore.photometric_stereo.least_squares import Array

_GRAZING = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class Reflectance:
    """`albedo_N` is the share of light that is scattered, `f0_N` the share that is mirrored straight on, `roughness_N`
    the alpha of GGX, above 0 to 1."""

    albedo_N: Array
    roughness_N: Array
    f0_N: Array


def mirrored(normals_N3: Array, roughness_N: Array, directions_L3: Array) -> Array:
    """What a mirror that reflects all (F0 = 1) sends under each light [N, L]; 0 where that is below the horizon."""
    half_L3 = directions_L3 + np.array([0.0, 0.0, 1.0])
    half_L3 = half_L3 / np.linalg.norm(half_L3, axis=1, keepdims=True)
    square_N1 = roughness_N[:, None] ** 2
    facing_NL = normals_N3 @ directions_L3.T
    lit_NL, seen_N1 = np.clip(facing_NL, _GRAZING, 1), np.clip(normals_N3[:, 2:], _GRAZING, 1)
    on_half_NL = np.clip(normals_N3 @ half_L3.T, 0, 1)
    spread_NL = square_N1 / (on_half_NL**2 * (square_N1 - 1) + 1) ** 2  # times pi, as the diffuse part is
    # Smith's term with its denominator 4 (n v) (n l) already divided out.
    masked_NL = 0.5 / (
        lit_NL * np.sqrt(seen_N1**2 * (1 - square_N1) + square_N1)
        + seen_N1 * np.sqrt(lit_NL**2 * (1 - square_N1) + square_N1)
    )
    mirror_NL: Array = np.where(facing_NL > 0, spread_NL * masked_NL * lit_NL, 0.0)
    return mirror_NL


def relit(normals_N3: Array, reflectance: Reflectance, directions_L3: Array) -> Array:
    """The surface under these lights [N, L]; other parts of it cast no shadow on a pixel."""
    facing_NL = np.maximum(normals_N3 @ directions_L3.T, 0.0)
    mirror_NL = mirrored(normals_N3, reflectance.roughness_N, directions_L3)
    # Lights that a photograph is taken under stand high enough for Schlick's rise towards grazing angles to be nothing.
    sent_NL: Array = reflectance.albedo_N[:, None] * facing_NL + reflectance.f0_N[:, None] * mirror_NL
    return sent_NL
