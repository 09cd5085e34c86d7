"""Light on a surface. H height, W width; directions x right, y UP, z to the camera, which sees orthographically.

Diffuse light of Lambert, or of Oren and Nayar where the surface is grained, and a mirror of microfacets: GGX (Walter
2007, eq. 33), the shadowing of Smith by height (Heitz 2014, eq. 99), Fresnel of Schlick (1994). Intensity 1 is white
paper that faces a light of intensity 1.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from truscore.synthesis.lit.relief import Field, grid
from truscore.synthesis.lit.surfaces import Surface

_FARTHEST = 256  # pixels that a shadow is followed for
_SAME_HEIGHT = 1e-3  # pixels by which a ray may graze


def lit_view(surface: Surface, direction_3: Field, *, distance: float = 0.0) -> tuple[Field, NDArray[np.bool_]]:
    """The picture [H, W, 3] under one light, and where it is in shadow [H, W].

    `distance` is the lamp's from the middle, in pixels; 0 is a light at infinity. Near lamps give each pixel a
    direction of its own and fall off with the square, 1 at the middle.
    """
    normals_HW3 = surface.relief.normals()
    towards_HW3, strength_HW = _towards(surface, direction_3, distance)
    facing_HW = (normals_HW3 * towards_HW3).sum(axis=-1)
    shadow_HW = (facing_HW <= 0) | cast_shadow(surface.relief.height, direction_3)
    scattered_HW = np.maximum(facing_HW, 0.0) * _grained(surface.grain_rad, normals_HW3, towards_HW3, facing_HW)
    lit_HW = np.where(shadow_HW, 0.0, scattered_HW) * strength_HW
    mirror_HW = np.where(shadow_HW, 0.0, _microfacets(surface, normals_HW3, towards_HW3, facing_HW)) * strength_HW
    view_HW3 = surface.albedo_HW3 * lit_HW[..., None] + mirror_HW[..., None]
    return np.where(surface.mask_HW[..., None], view_HW3, 0.0), shadow_HW & surface.mask_HW


def cast_shadow(height_HW: Field, direction_3: Field) -> NDArray[np.bool_]:
    """Where the relief itself stands before a light at infinity, by marching towards it pixel by pixel."""
    sideways = float(np.hypot(direction_3[0], direction_3[1]))
    shadow_HW = np.zeros(height_HW.shape, dtype=bool)
    if sideways < 1e-9 or direction_3[2] <= 0:
        return shadow_HW if direction_3[2] > 0 else ~shadow_HW
    climb = float(direction_3[2]) / sideways
    across, upward = direction_3[0] / sideways, direction_3[1] / sideways
    low = float(height_HW.min())
    field = (height_HW - low).astype(np.float32)
    size = (field.shape[1], field.shape[0])
    steps = int(min(float(field.max()) / climb, _FARTHEST, np.hypot(*size)))
    for step in range(1, steps + 1):
        # The height at a pixel's way towards the light, brought to the pixel itself.
        move = np.array([[1, 0, step * across], [0, 1, -step * upward]], dtype=np.float64)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        before_HW = cv2.warpAffine(field, move, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=-1.0)
        shadow_HW |= before_HW > field + step * climb + _SAME_HEIGHT
    return shadow_HW


def _towards(surface: Surface, direction_3: Field, distance: float) -> tuple[Field, Field]:
    height, width = surface.mask_HW.shape
    if distance <= 0:
        return np.broadcast_to(direction_3, (height, width, 3)), np.ones((height, width))
    x, y = grid(height, width)
    way_HW3 = distance * direction_3 - np.stack([x, y, surface.relief.height], axis=-1)
    length_HW = np.sqrt((way_HW3**2).sum(axis=-1))
    return way_HW3 / length_HW[..., None], (distance / length_HW) ** 2


def _grained(grain_rad: float, normals_HW3: Field, towards_HW3: Field, facing_HW: Field) -> Field:
    """What facets whose slopes spread by ``grain_rad`` make of Lambert's law (Oren & Nayar 1994, eq. 30), as a factor:
    plaster and felt stay bright towards their rim. 1 everywhere of a surface without grain."""
    spread = grain_rad**2
    facing, back = 1 - 0.5 * spread / (spread + 0.33), 0.45 * spread / (spread + 0.09)
    seen_HW, lit_HW = np.clip(normals_HW3[..., 2], 1e-3, 1), np.clip(facing_HW, 1e-3, 1)
    # cos(phi) sin(alpha) tan(beta), without an angle: both directions projected on the surface.
    aligned_HW = np.maximum(towards_HW3[..., 2] - seen_HW * lit_HW, 0) / np.maximum(seen_HW, lit_HW)
    factor_HW: Field = facing + back * aligned_HW
    return factor_HW


def _microfacets(surface: Surface, normals_HW3: Field, towards_HW3: Field, facing_HW: Field) -> Field:
    """What the mirror sends to the camera, times pi as the diffuse part is."""
    half_HW3 = towards_HW3 + np.array([0.0, 0.0, 1.0])
    half_HW3 = half_HW3 / np.sqrt((half_HW3**2).sum(axis=-1, keepdims=True))
    square_HW = surface.roughness_HW**2
    on_half_HW = np.clip((normals_HW3 * half_HW3).sum(axis=-1), 0, 1)
    spread_HW = square_HW / (np.pi * (on_half_HW**2 * (square_HW - 1) + 1) ** 2)
    seen_HW, lit_HW = np.clip(normals_HW3[..., 2], 1e-3, 1), np.clip(facing_HW, 1e-3, 1)
    # Smith's term with its denominator 4 (n v) (n l) already divided out.
    masked_HW = 0.5 / (
        lit_HW * np.sqrt(seen_HW**2 * (1 - square_HW) + square_HW)
        + seen_HW * np.sqrt(lit_HW**2 * (1 - square_HW) + square_HW)
    )
    grazing_HW = (1 - np.clip(half_HW3[..., 2], 0, 1)) ** 5
    fresnel_HW = np.where(surface.mirror_HW > 0, surface.mirror_HW + (1 - surface.mirror_HW) * grazing_HW, 0.0)
    mirrored: Field = np.pi * spread_HW * masked_HW * fresnel_HW * lit_HW
    return mirrored
