"""Views under many lights: can the normals of the surface be solved for?

Woodham 1980, "Photometric method for determining surface orientation from multiple images": three views under known
lights that do not lie in one plane give a normal and an albedo at each pixel. L: lights.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator

from truscore.datasets import ImageRecord
from truscore.validation.rule import Check, Occurrence, Severity, rules_of
from truscore.validation.rule_context import RuleContext

Direction = tuple[float, float, float]


def no_lit_objects(context: RuleContext) -> Iterator[Occurrence]:
    """Sets for photometric stereo without any view under a single light."""
    index = context.index
    if context.expectation.category == "photometric_stereo" and index.images and not index.objects:
        yield Occurrence(message=f"none of {len(index.images)} images is a view of an object under a light of its own")


def lights_without_unit_length(context: RuleContext) -> Iterator[Occurrence]:
    """Directions that are no unit vectors."""
    most = context.policy.light_length_tolerance
    for image in context.index.images:
        direction = image.light.direction if image.light else None
        if direction is not None and abs(math.hypot(*direction) - 1) > most:
            message = (
                f"light {_words(direction)} has length {math.hypot(*direction):.4g}, accepted is 1 within {most:g}"
            )
            yield Occurrence(message=message, location=image.path)


def lights_from_behind(context: RuleContext) -> Iterator[Occurrence]:
    """Lights that shine on the object's back."""
    for lit_object, images in context.views():
        behind = [(image, one) for image, one in _known(images) if one[2] <= 0 and any(one)]
        if behind:
            image, direction = behind[0]
            message = f"{len(behind)} of {len(images)} lights of {lit_object.name!r} have no part towards the camera"
            yield Occurrence(message=f"{message}, such as {_words(direction)}", location=image.path)


def too_few_lights(context: RuleContext) -> Iterator[Occurrence]:
    """Objects that normals cannot be solved for."""
    least = context.policy.least_lights
    for lit_object, images in context.views():
        if 0 < len(images) < least:
            message = f"object {lit_object.name!r} has {len(images)} views: its normals need at least {least} lights"
            yield Occurrence(message=message, location=images[0].path)


def few_lights(context: RuleContext) -> Iterator[Occurrence]:
    """Objects whose normals hang on every single view."""
    policy = context.policy
    poor = [views for _, views in context.views() if policy.least_lights <= len(views) < policy.few_lights]
    if poor:
        fewest = min(poor, key=len)
        message = f"{len(poor)} of {len(context.index.objects)} objects have fewer than {policy.few_lights} lights"
        yield Occurrence(message=f"{message}, the fewest {len(fewest)}", location=fewest[0].path)


def lights_in_one_plane(context: RuleContext) -> Iterator[Occurrence]:
    """Objects whose lights leave one direction of the normal open."""
    least = context.policy.light_plane_ratio
    for lit_object, images in context.views():
        known = [direction for _, direction in _known(images) if _is_near_unit(direction)]
        if len(known) < context.policy.least_lights or len(known) < len(images):
            continue
        ratio = _plane_ratio(known)
        if ratio < least:
            message = (
                f"the {len(known)} lights of {lit_object.name!r} lie in one plane with it: least over greatest "
                f"singular value {ratio:.2g}, accepted from {least:g}"
            )
            yield Occurrence(message=message, location=images[0].path)


def _plane_ratio(known: list[Direction]) -> float:
    import numpy as np

    values = np.linalg.svd(np.array(known), compute_uv=False)
    return float(values[2] / values[0])


def lights_only_named(context: RuleContext) -> Iterator[Occurrence]:
    """Lights whose directions nobody measured."""
    named = [views for _, views in context.views() if any(_name(image) for image in views)]
    if named:
        names = Counter(_name(image) for views in named for image in views)
        listed = ", ".join(sorted(name for name in names if name))
        message = f"{len(named)} of {len(context.index.objects)} objects have lights that are only named: {listed}"
        yield Occurrence(message=message, location=named[0][0].path)


def lights_without_intensity(context: RuleContext) -> Iterator[Occurrence]:
    """Lights that are taken for equally bright."""
    known = [image for image in context.index.images if image.light and image.light.direction is not None]
    bare = [image for image in known if image.light and image.light.intensity_rgb is None]
    if bare:
        message = f"{len(bare)} of {len(known)} views have no intensity of their light: all count as equally bright"
        yield Occurrence(message=message, location=bare[0].path)


def differing_sizes(context: RuleContext) -> Iterator[Occurrence]:
    """Objects whose views are of more than one size."""
    for lit_object, images in context.views():
        sizes = Counter((image.width, image.height) for image in images)
        if len(sizes) > 1:
            common, _ = sizes.most_common(1)[0]
            odd = next(image for image in images if (image.width, image.height) != common)
            message = f"view is {odd.width}x{odd.height} px, most of {lit_object.name!r} are {common[0]}x{common[1]}"
            yield Occurrence(message=message, location=odd.path)


def _known(images: Iterable[ImageRecord]) -> Iterator[tuple[ImageRecord, Direction]]:
    for image in images:
        if image.light is not None and image.light.direction is not None:
            yield image, image.light.direction


def _is_near_unit(direction: Direction) -> bool:
    """Lengths far from 1 are another rule's, and would say nothing of a plane."""
    return 0.5 < math.hypot(*direction) < 2


def _name(image: ImageRecord) -> str:
    return image.light.name if image.light else ""


def _words(direction: Direction) -> str:
    return f"({', '.join(f'{value:g}' for value in direction)})"


ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

_ROWS: tuple[tuple[str, Severity, Check, str, str, str], ...] = (
    (
        "coverage.no_lit_objects",
        ERROR,
        no_lit_objects,
        "sets for photometric stereo that hold ordinary pictures",
        "the shape of a surface is solved for from several pictures of it under different lights",
        "export the views of each object with their lights, as DiLiGenT has them, or order another category",
    ),
    (
        "label.light_not_unit",
        ERROR,
        lights_without_unit_length,
        "directions of lights that are no unit vectors",
        "a direction's length is taken for the light's brightness, and one of length 0 for none",
        "divide each direction by its length, and list brightness in light_intensities.txt",
    ),
    (
        "label.light_from_behind",
        WARNING,
        lights_from_behind,
        "lights without a part towards the camera",
        "they cannot light what the camera sees: the axes are usually others than x right, y up, z to the camera",
        "write the directions in these axes",
    ),
    (
        "label.too_few_lights",
        ERROR,
        too_few_lights,
        "objects with too few views under different lights",
        "normal and albedo of a pixel are three unknowns",
        "photograph the object under more lights, or take it out",
    ),
    (
        "balance.few_lights",
        WARNING,
        few_lights,
        "objects with hardly more lights than can be solved for",
        "no view can be left out where it is shadowed or gleams",
        "photograph the object under more lights",
    ),
    (
        "label.lights_in_one_plane",
        ERROR,
        lights_in_one_plane,
        "objects whose lights lie in one plane with the object",
        "the part of the normal across that plane cannot be solved for",
        "add a light outside the plane",
    ),
    (
        "coverage.lights_only_named",
        WARNING,
        lights_only_named,
        "lights that are named and not measured",
        "a normal is only as right as the directions that it is solved with",
        "measure the directions, with a mirror ball for example, and list them in light_directions.txt",
    ),
    (
        "coverage.no_intensities",
        INFO,
        lights_without_intensity,
        "lights whose intensity is not said",
        "where one lamp is brighter than another, normals lean towards it",
        "list them in light_intensities.txt, red, green and blue",
    ),
    (
        "format.multi_light.sizes_differ",
        ERROR,
        differing_sizes,
        "objects whose views differ in size",
        "a pixel of one view is then another point of the object in the next",
        "export all views of an object alike",
    ),
)

RULES = rules_of(_ROWS)
