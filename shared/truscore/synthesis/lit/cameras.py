"""One surface as several cameras see it. H height, W width of a picture, Y, X those of the surface; micrometres.

World axes are the surface's own: x right, y UP, z out of it. Camera axes are OpenCV's: x right, y DOWN, z away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator

from truscore.synthesis.lit.relief import Field, Relief, grid, noise
from truscore.synthesis.lit.surfaces import SURFACES, Surface

_STEPS = 40  # of following a ray to the surface; each leaves less than nine tenths of the way
_FAR = 6.0  # distance of the cameras, in widths of the picture
_UPRIGHT = np.diag([1.0, -1.0, -1.0])  # from the axes of lights to those of a camera, and back
_SMALLEST_RANGE = 20.0  # pixels of depth: a rig does not know beforehand how flat its card is


@dataclass(frozen=True, kw_only=True, slots=True)
class Pinhole:
    """A point p is seen at K (R p + t)."""

    intrinsics_33: Field
    rotation_33: Field
    translation_3: Field


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenSurface:
    """The surface as a camera sees it: heights are towards the camera from `zero_um`, its pitch that of this plane."""

    surface: Surface
    camera: Pinhole
    zero_um: float
    range_um: tuple[float, float]


def printed_card(rng: Generator, height: int, width: int) -> Surface:
    """A card whose ink is screened, as print is: dots of about two pixels that every camera finds again."""
    surface = SURFACES["card"](rng, height, width)
    ink_HW = noise(rng, height, width, length=rng.uniform(0.6, 1.2), amplitude=rng.uniform(0.05, 0.15)).height
    return replace(surface, albedo_HW3=np.clip(surface.albedo_HW3 * (1 + ink_HW[..., None]), 0.02, 1))


def seen_from(rng: Generator, *, views: int, size: tuple[int, int]) -> list[SeenSurface]:
    """A tilted card from `views` sides, the first the steepest; all look at its middle from 6 widths away.

    Shading takes the direction to the camera as that of its axis: at six widths it turns by up to five degrees.
    """
    width, height = size
    # As large as what tilted cameras see at their corners.
    surface = printed_card(rng, 2 * height, 2 * width)
    pitch = surface.pitch_um
    distance = _FAR * width * pitch
    tilt_33 = _turned(rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(0, 10)))
    around = rng.uniform(0, 2 * np.pi) + np.arange(views) * 2 * np.pi / max(views - 1, 1)
    seen = []
    for number in range(views):
        aside = np.radians(rng.uniform(0, 5) if number == 0 else rng.uniform(18, 30))
        rotation_33 = _UPRIGHT @ _turned(around[number], aside) @ tilt_33
        focal = distance / pitch
        intrinsics_33 = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])
        camera = Pinhole(intrinsics_33=intrinsics_33, rotation_33=rotation_33, translation_3=np.array([0, 0, distance]))
        seen.append(_seen(rng, surface, camera, size, distance))
    return seen


def _turned(direction: float, angle: float) -> Field:
    """A rotation by `angle` about an axis in the card's plane."""
    vector_3 = angle * np.array([np.cos(direction), np.sin(direction), 0.0])
    return np.asarray(cv2.Rodrigues(vector_3)[0], dtype=np.float64)


def _seen(rng: Generator, surface: Surface, camera: Pinhole, size: tuple[int, int], zero_um: float) -> SeenSurface:
    width, height = size
    pitch, rotation_33 = surface.pitch_um, camera.rotation_33
    centre_3 = -rotation_33.T @ camera.translation_3
    rows_HW, columns_HW = np.indices((height, width), dtype=np.float64)
    rays_HW3 = (
        np.stack([columns_HW, rows_HW, np.ones((height, width))], axis=-1) @ np.linalg.inv(camera.intrinsics_33).T
    )
    way_HW3 = rays_HW3 @ rotation_33  # along the ray, one unit of depth each
    height_HW = np.zeros((height, width))
    for _ in range(_STEPS):
        # Where the ray is as high as the surface was found to be. Depth along z is the factor of `way`.
        depth_HW = (height_HW - centre_3[2]) / way_HW3[..., 2]
        points_HW3 = centre_3 + depth_HW[..., None] * way_HW3
        found_HW = _sampled(surface.relief.height, points_HW3, pitch) * pitch
        height_HW = 0.5 * (height_HW + found_HW)
    normals_HW3 = _sampled(surface.relief.normals(), points_HW3, pitch) @ (_UPRIGHT @ rotation_33).T
    normals_HW3 /= np.linalg.norm(normals_HW3, axis=-1, keepdims=True)
    facing_HW = np.maximum(normals_HW3[..., 2], 0.05)
    relief = Relief(
        height=(zero_um - depth_HW) / pitch,
        along_x=-normals_HW3[..., 0] / facing_HW,
        along_y=-normals_HW3[..., 1] / facing_HW,
    )
    reach = max(float(np.abs(depth_HW - zero_um).max()), _SMALLEST_RANGE / 2 * pitch)
    ends = (zero_um - reach * rng.uniform(1.05, 1.3), zero_um + reach * rng.uniform(1.05, 1.3))
    surface = Surface(
        relief=relief,
        mask_HW=np.ones((height, width), dtype=bool),
        albedo_HW3=_sampled(surface.albedo_HW3, points_HW3, pitch),
        roughness_HW=_sampled(surface.roughness_HW, points_HW3, pitch),
        mirror_HW=_sampled(surface.mirror_HW, points_HW3, pitch),
        pitch_um=pitch,
    )
    return SeenSurface(surface=surface, camera=camera, zero_um=zero_um, range_um=ends)


def _sampled(values_YX: Field, points_HW3: Field, pitch: float) -> Field:
    """Values of the surface below points, between four pixels."""
    rows, columns = values_YX.shape[:2]
    x, y = grid(rows, columns)
    across_HW = (points_HW3[..., 0] / pitch - x[0, 0]).astype(np.float32)
    down_HW = (y[0, 0] - points_HW3[..., 1] / pitch).astype(np.float32)
    sampled = cv2.remap(
        np.ascontiguousarray(values_YX), across_HW, down_HW, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(sampled, dtype=np.float64)
