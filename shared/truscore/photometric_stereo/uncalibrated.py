"""Surface and lights out of views under lights of which nobody knows where they stand or how bright they are.

Lights and normals follow up to a 3 x 3 matrix (`pseudo_lights`), of which integrability leaves three numbers and a sign
(`integrability`, `bas_relief`). What settles these is an assumption, and is said. N pixels, L lights, H, W a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from truscore.photometric_stereo.bas_relief import LitSurface, flat_in_the_large, of_few_albedos
from truscore.photometric_stereo.integrability import integrable_axes
from truscore.photometric_stereo.integration import Mask, integrate_poisson
from truscore.photometric_stereo.least_squares import Array, Shading, shading_of
from truscore.photometric_stereo.pseudo_lights import find_pseudo_lights
from truscore.photometric_stereo.relief_maps import without_bow
from truscore.photometric_stereo.robust import cauchy_shading
from truscore.photometric_stereo.views import LitViews

Kind = Literal["card", "object"]
UNDECLARED_HEIGHT_DEG = 45.0  # whose slopes are relative: right up to one factor
_TOWARDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"right": (1, 0), "left": (-1, 0), "top": (0, 1), "up": (0, 1), "bottom": (0, -1), "down": (0, -1)}
)
_LEAST_RIM = 20  # pixels of an outline
_LEAST_SKEWNESS = 0.2  # of depths: less says nothing of what is sunken


@dataclass(frozen=True, kw_only=True, slots=True)
class UncalibratedShading:
    """Normals and albedo of the mask's pixels; unit directions to the lights; intensities, 1 in the mean.

    ``relative`` normals have slopes that are right up to one factor, which lamps of another height than 45 degrees
    have. ``resolved`` says sentence by sentence what was assumed to tell this surface from others with the same views.
    """

    shading: Shading
    directions_L3: Array
    intensities_L: Array
    relative: bool
    resolved: tuple[str, ...]


def uncalibrated_shading(
    views: LitViews, *, kind: Kind = "card", lamp_height_deg: float | None = None
) -> UncalibratedShading:
    """What the views tell of a card, which is flat in the large, or of an object of few albedos.

    Directions that the views may have are not looked at. Raises InvalidLights for fewer than four lights, lights in a
    plane or a line, and a surface that shows them too little; ValueError for a height that is none.
    """
    if lamp_height_deg is not None and not 0 < lamp_height_deg < 90:
        raise ValueError(f"lamps {lamp_height_deg} degrees above the card; accepted is more than 0 and less than 90")
    lights_L3 = find_pseudo_lights(views.samples_NL)
    seen = cauchy_shading(views.samples_NL, lights_L3)
    axes_33 = integrable_axes(views.picture(seen.normals_N3), views.mask_HW)
    surface = _facing(seen, lights_L3, axes_33)
    if kind == "card":
        surface = flat_in_the_large(surface, lamp_height_deg or UNDECLARED_HEIGHT_DEG)
        assumed = "tilt: the card is flat in the large, so that its median slope is 0"
    else:
        surface = of_few_albedos(surface, lamp_height_deg)
        assumed = "tilt and stretch: the object has few albedos (least entropy) and its lamps are about equally bright"
    surface, sign = _signed(surface, views, kind)
    strength_L = np.linalg.norm(surface.lights_L3, axis=1)
    relative = kind == "card" and lamp_height_deg is None
    return UncalibratedShading(
        shading=shading_of(surface.scaled_N3 * strength_L.mean()),
        directions_L3=surface.lights_L3 / strength_L[:, None],
        intensities_L=strength_L / strength_L.mean(),
        relative=relative,
        resolved=(assumed, *_of_height(relative, lamp_height_deg), sign),
    )


def _of_height(relative: bool, lamp_height_deg: float | None) -> tuple[str, ...]:
    if relative:
        return ("stretch: not known, for no view tells how high lamps stand; slopes are right up to one factor",)
    return () if lamp_height_deg is None else (f"stretch: the median lamp stands {lamp_height_deg:g} degrees high",)


def _facing(seen: Shading, lights_L3: Array, axes_33: Array) -> LitSurface:
    """In the axes of a surface, most of which is seen from the front."""
    scaled_N3 = (seen.normals_N3 * seen.albedo_N[:, None]) @ axes_33
    turned_L3 = lights_L3 @ np.linalg.inv(axes_33).T
    front = -1.0 if np.median(scaled_N3[:, 2]) < 0 else 1.0
    return LitSurface(scaled_N3=front * scaled_N3, lights_L3=front * turned_L3)


def _signed(surface: LitSurface, views: LitViews, kind: Kind) -> tuple[LitSurface, str]:
    """The surface or its inversion, and why: what is raised under lamps at the left looks hollow under those at the
    right."""
    tried = (
        (_by_names(surface, views.light_names), "sign: the lamps stand where their names say"),
        (
            _by_outline(surface, views) if kind == "object" else 0.0,
            "sign: the object falls off towards its outline",
        ),
        (
            _by_marks(surface, views),
            "sign: assumed, for no lamp is named by its side: what is steep and small is sunken",
        ),
    )
    for evidence, reason in tried:
        if evidence:
            return (surface if evidence > 0 else surface.inverted()), reason
    return surface, "sign: not known; what is raised may be hollow (a lamp named by its side tells)"


def _by_names(surface: LitSurface, names: Sequence[str]) -> float:
    """Above 0 where lamps that are named by their side stand on it."""
    sides = [(at, _TOWARDS[name.casefold()]) for at, name in enumerate(names) if name.casefold() in _TOWARDS]
    return float(sum(surface.lights_L3[at, :2] @ np.array(side) for at, side in sides))


def _by_outline(surface: LitSurface, views: LitViews) -> float:
    """Above 0 where normals at the rim of the mask lean out of it; 0 without a rim within the picture."""
    count_HW = views.mask_HW.astype(np.float64)
    # Towards where less of the mask is; the picture's own edge is no outline.
    padded_HW = np.pad(count_HW, 1, mode="edge")
    right_HW = (padded_HW[1:-1, :-2] - padded_HW[1:-1, 2:])[views.mask_HW]
    up_HW = (padded_HW[2:, 1:-1] - padded_HW[:-2, 1:-1])[views.mask_HW]
    if int(((right_HW != 0) | (up_HW != 0)).sum()) < _LEAST_RIM:
        return 0.0
    normals_N3 = shading_of(surface.scaled_N3).normals_N3
    return float((normals_N3[:, 0] * right_HW + normals_N3[:, 1] * up_HW).sum())


def _by_marks(surface: LitSurface, views: LitViews) -> float:
    """Above 0 where most of the volume that stands out lies below the rest; 0 where depths are even."""
    depth_HW = _depth(views.picture(shading_of(surface.scaled_N3).normals_N3), views.mask_HW)
    depth_N = depth_HW[views.mask_HW]
    spread = float(depth_N.std())
    skewness = float(np.mean((depth_N - depth_N.mean()) ** 3)) / max(spread**3, 1e-30)
    return -skewness if abs(skewness) > _LEAST_SKEWNESS else 0.0


def _depth(normals_HW3: Array, mask_HW: Mask) -> Array:
    return without_bow(integrate_poisson(normals_HW3, mask_HW), mask_HW)
