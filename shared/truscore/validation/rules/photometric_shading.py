"""What views under many lights say of their camera and of their lights, by how well Lambert's law explains them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from truscore.datasets import ImageRecord, LitObject
from truscore.datasets.index.response import Response
from truscore.validation.measures.shading import Shading, shading_of
from truscore.validation.measures.thumbnails import THUMBNAIL_SIDE_PX, values_of
from truscore.validation.rule import Check, Occurrence, Severity, rules_of
from truscore.validation.rule_context import RuleContext

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

# Of what is left unexplained. On renders of all kinds and on real objects files without gamma stay above 2, those with
# one fall to 0.6 and mostly to 0.2; files without black level stay above 0.66 or gain by less than three steps.
_CLEARLY = 0.6
_LEAST_LEVEL = 4 / 255
# Of the median of an object's views, and of a bright sample: none of 36 sound renders of gloss and print has both.
_ODD_TIMES, _ODD_LEAST = 5.0, 0.25
_LEAST_CURL = 0.01  # of slopes from one pixel of a thumbnail to the next: what is nearly flat has no curl to speak of
_LEAST_LIGHTS = 5
_LEAST_CONDITION = 0.03


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shaded:
    """An object whose shading tells something."""

    lit_object: LitObject
    views: tuple[ImageRecord, ...]
    shading: Shading


def black_levels(context: RuleContext) -> Iterator[Occurrence]:
    """A number that the camera seems to add to all samples, or to take away."""
    for shaded in context.once(_shaded):
        found = shaded.shading
        # What is added to dark samples bends them as a gamma does: that which explains more is named.
        least = min(_CLEARLY * found.residual, found.residual_decoded)
        if abs(found.black_level) >= _LEAST_LEVEL and found.residual_with_level < least:
            message = f"{shaded.lit_object.name!r} looks as if {255 * found.black_level:+.0f} of 255 were added to it"
            yield Occurrence(message=message, location=shaded.views[0].path)


def wrong_gammas(context: RuleContext) -> Iterator[Occurrence]:
    """Files that are explained better with a gamma undone, and those declared to have one that are without it."""
    for shaded in context.once(_shaded):
        found = shaded.shading
        name, declared = shaded.lit_object.name, shaded.lit_object.response or Response()
        least = min(_CLEARLY * found.residual, found.residual_with_level)
        if found.residual_decoded < least:
            message = f"{name!r} looks as if a gamma of 2.2 were still in its files"
            if declared.kind != "linear":
                message += f" when they are decoded as declared: {declared}"
            yield Occurrence(message=message, location=shaded.views[0].path)
        elif declared.kind != "linear" and found.residual_encoded < least:
            message = f"{name!r} looks linear already, and its files are declared to hold {declared}"
            yield Occurrence(message=message, location=shaded.views[0].path)


def flipped_axes(context: RuleContext) -> Iterator[Occurrence]:
    """Lights with which the normals are those of no surface, and mirrored are."""
    for shaded in context.once(_shaded):
        found = shaded.shading
        if found.curl > _LEAST_CURL and found.mirrored_curl < _CLEARLY * found.curl:
            message = (
                f"normals of {shaded.lit_object.name!r} belong to a surface only if one axis of its lights is flipped"
            )
            yield Occurrence(message=message, location=shaded.views[0].path)


def views_of_other_lights(context: RuleContext) -> Iterator[Occurrence]:
    """Views that the object's other views and their light do not explain, where it is said how bright lights are."""
    import numpy as np

    for shaded in context.once(_shaded):
        if any(view.light is None or view.light.intensity_rgb is None for view in shaded.views):
            continue
        usual = float(np.median(shaded.shading.by_view))
        for view, left in zip(shaded.views, shaded.shading.by_view, strict=True):
            if left > max(_ODD_TIMES * usual, _ODD_LEAST):
                message = f"is {100 * left:.0f} % darker in places than the other views make of its light, usual are "
                yield Occurrence(message=f"{message}{100 * usual:.1f} %", location=view.path)


def _shaded(context: RuleContext) -> tuple[_Shaded, ...]:
    if not context.is_photometric:
        return ()
    import numpy as np

    found = []
    for lit_object, images in context.views():
        views = tuple(image for image in images if image.path in context.image_stats)
        directions_L3 = _directions(lit_object, views)
        if directions_L3 is None:
            continue
        side = THUMBNAIL_SIDE_PX
        thumbnails = [values_of(context.image_stats[view.path].thumbnail).reshape(side, side) for view in views]
        values_LHW = (lit_object.response or Response()).decoded(np.stack(thumbnails) / 255)
        aspect = views[0].width / views[0].height
        shading = shading_of(values_LHW, directions_L3, _intensities(views), aspect=aspect)
        if shading is not None:
            found.append(_Shaded(lit_object=lit_object, views=views, shading=shading))
    return tuple(found)


def _directions(lit_object: LitObject, views: tuple[ImageRecord, ...]) -> "Numbers | None":
    """Unit vectors [L, 3] where they can be used; what is wrong with others has rules of its own."""
    import numpy as np

    given = [view.light.direction for view in views if view.light is not None and view.light.direction is not None]
    if len(given) < max(len(views), _LEAST_LIGHTS) or len({(view.width, view.height) for view in views}) > 1:
        return None
    if lit_object.camera is not None and lit_object.camera.lights == "world":
        return None
    directions_L3 = np.array(given, dtype=np.float64)
    length_L1 = np.linalg.norm(directions_L3, axis=1, keepdims=True)
    if not np.isfinite(directions_L3).all() or np.abs(length_L1 - 1).max() > 0.1 or directions_L3[:, 2].min() <= 0:
        return None
    strength_3 = np.linalg.svd(directions_L3, compute_uv=False)
    unit_L3: Numbers = directions_L3 / length_L1
    return unit_L3 if strength_3[2] > _LEAST_CONDITION * strength_3[0] else None


def _intensities(views: tuple[ImageRecord, ...]) -> "Numbers":
    """Of each view's light, grey; 1 where none is said."""
    import numpy as np

    said = [view.light.intensity_rgb if view.light is not None else None for view in views]
    return np.array([max(float(np.mean(each)), 1e-6) if each is not None else 1.0 for each in said])


_ROWS: tuple[tuple[str, Severity, Check, str, str, str], ...] = (
    (
        "quality.black_level",
        Severity.INFO,
        black_levels,
        "views to which the camera seems to add a number, or to take one away",
        "it bends every normal towards the mean of the lights, or away from it",
        "take it off the files; what is trained on them looks for it by itself",
    ),
    (
        "quality.wrong_gamma",
        Severity.WARNING,
        wrong_gammas,
        "views that do not follow the light as declared; linear where nothing is",
        "shading is then taken for another slope: decoding a linear set by 2.2 doubled the error of its normals",
        "export linear files, or declare in truscore.json how these follow the light (`response`, `gamma`)",
    ),
    (
        "label.light_axis_flipped",
        Severity.WARNING,
        flipped_axes,
        "lights whose axes are probably flipped",
        "dents are solved as ridges, and normals belong to no surface",
        "write directions as x right, y up, z to the camera; often y was counted downward",
    ),
    (
        "label.view_of_other_light",
        Severity.WARNING,
        views_of_other_lights,
        "views that do not fit their light",
        "the view is shifted against the others by a tenth of its width or more, or its light is not that of its line",
        "check the view's line in the list of lights, its exposure, and whether the camera was moved",
    ),
)

RULES = rules_of(_ROWS)
