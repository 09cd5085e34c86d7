"""Masks, normal maps and depths of objects under many lights: do they fit the views, and do they say anything?"""

from collections import Counter
from collections.abc import Iterator

from truscore.datasets import ImageRecord
from truscore.validation.rule import Check, Occurrence, Severity, rules_of
from truscore.validation.rule_context import RuleContext


def missing_masks(context: RuleContext) -> Iterator[Occurrence]:
    """Objects without a mask."""
    without = [(lit_object, views) for lit_object, views in context.views() if lit_object.mask is None and views]
    if without:
        message = f"{len(without)} of {len(context.index.objects)} objects have no mask that could be read"
        yield Occurrence(message=f"{message}, such as {without[0][0].name!r}", location=without[0][1][0].path)


def missing_normals(context: RuleContext) -> Iterator[Occurrence]:
    """Objects whose normals are not known."""
    without = [(lit_object, views) for lit_object, views in context.views() if lit_object.normals is None and views]
    if without:
        message = f"{len(without)} of {len(context.index.objects)} objects have no normal map that could be read"
        yield Occurrence(message=f"{message}, such as {without[0][0].name!r}", location=without[0][1][0].path)


def empty_masks(context: RuleContext) -> Iterator[Occurrence]:
    """Masks that mark next to nothing."""
    least = context.policy.object_mask_share
    for lit_object in context.index.objects:
        mask = lit_object.mask
        if mask is not None and mask.marked_px <= least * mask.width * mask.height:
            message = (
                f"mask marks {mask.marked_px} of {mask.width * mask.height} pixels, accepted above {least:g} of them"
            )
            yield Occurrence(message=message, location=mask.path)


def masks_of_other_size(context: RuleContext) -> Iterator[Occurrence]:
    """Masks of another size than the object's views."""
    for lit_object, images in context.views():
        if lit_object.mask is not None and images:
            yield from _other_size(
                "mask", lit_object.mask.path, (lit_object.mask.width, lit_object.mask.height), images
            )


def normals_of_other_size(context: RuleContext) -> Iterator[Occurrence]:
    """Normal maps of another size than the object's views."""
    for lit_object, images in context.views():
        if lit_object.normals is not None and images:
            size = lit_object.normals.width, lit_object.normals.height
            yield from _other_size("normal map", lit_object.normals.path, size, images)


def _other_size(what: str, path: str, size: tuple[int, int], images: list[ImageRecord]) -> Iterator[Occurrence]:
    common, _ = Counter((image.width, image.height) for image in images).most_common(1)[0]
    if size != common:
        message = f"{what} is {size[0]}x{size[1]} px, the views are {common[0]}x{common[1]}"
        yield Occurrence(message=message, location=path)


def normals_without_unit_length(context: RuleContext) -> Iterator[Occurrence]:
    """Normal maps that hold no directions where the object is."""
    least = context.policy.unit_normals_share
    for lit_object in context.index.objects:
        normals = lit_object.normals
        if normals is not None and normals.unit_px < least * max(normals.expected_px, 1):
            message = f"{normals.unit_px} of {normals.expected_px} pixels of the object have a normal of length 1"
            yield Occurrence(message=f"{message}, accepted from {least:.0%}", location=normals.path)


def depths_of_other_size(context: RuleContext) -> Iterator[Occurrence]:
    """Depth maps of another size than the object's views."""
    for lit_object, images in context.views():
        if lit_object.depth is not None and images:
            size = lit_object.depth.width, lit_object.depth.height
            yield from _other_size("depth map", lit_object.depth.path, size, images)


def depths_not_known(context: RuleContext) -> Iterator[Occurrence]:
    """Depth maps that hold no numbers where the object is."""
    least = context.policy.known_depth_share
    for lit_object in context.index.objects:
        depth = lit_object.depth
        if depth is not None and depth.known_px < least * max(depth.expected_px, 1):
            message = f"{depth.known_px} of {depth.expected_px} pixels of the object have a finite depth"
            yield Occurrence(message=f"{message}, accepted from {least:.0%}", location=depth.path)


ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

_ROWS: tuple[tuple[str, Severity, Check, str, str, str], ...] = (
    (
        "coverage.no_mask",
        WARNING,
        missing_masks,
        "objects without a mask",
        "what lies behind the object is taken for part of its surface",
        "paint the object white on black, in mask.png",
    ),
    (
        "coverage.no_normals",
        INFO,
        missing_normals,
        "objects without a normal map",
        "what is solved for cannot be measured against anything",
        "add normals.npy or Normal_gt.png where the shape is known",
    ),
    (
        "label.object_mask_empty",
        ERROR,
        empty_masks,
        "masks of objects that mark next to nothing",
        "nothing is left to solve for",
        "paint the mask, or remove it",
    ),
    (
        "label.object_mask_size",
        ERROR,
        masks_of_other_size,
        "masks of another size than the views",
        "it marks other pixels than the object's",
        "export mask and views alike",
    ),
    (
        "label.normals_size",
        ERROR,
        normals_of_other_size,
        "normal maps of another size than the views",
        "each normal is that of another pixel",
        "export normal map and views alike",
    ),
    (
        "label.normals_not_unit",
        ERROR,
        normals_without_unit_length,
        "normal maps whose vectors have not the length 1 within the object",
        "what is no direction teaches and measures nothing",
        "write unit vectors: as floats, or as 255 (n + 1) / 2 in a picture without loss",
    ),
    (
        "label.depth_size",
        ERROR,
        depths_of_other_size,
        "depth maps of another size than the views",
        "each depth is that of another pixel",
        "export depth map and views alike",
    ),
    (
        "label.depth_not_known",
        ERROR,
        depths_not_known,
        "depth maps that are NaN or infinite within the object",
        "what has no depth teaches and measures nothing",
        "write a depth for every pixel of the mask, or make the mask smaller",
    ),
)

RULES = rules_of(_ROWS)
