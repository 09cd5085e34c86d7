"""Label consistency of masks and crowd flags, and of coordinates as numbers."""

import math
from collections import Counter
from collections.abc import Iterator

from truscore.datasets import RLE
from truscore.datasets.shapes.geometry import bounds, iou, overhang
from truscore.datasets.shapes.parse import BadShape, box_of_rle
from truscore.validation.rule import Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import PlacedAnnotation, RuleContext
from truscore.validation.rules.boxes import box_text


def faulty_rles(context: RuleContext) -> Iterator[Occurrence]:
    """Run lengths that do not fill their image."""
    for placed in context.annotations():
        rle, image = placed.annotation.rle, placed.image
        if rle is None:
            continue
        if (rle.width, rle.height) != (image.width, image.height):
            message = f"run-length mask is {rle.width}x{rle.height}, its image {image.width}x{image.height} px"
            yield Occurrence(message=message, location=placed.location)
        elif min(rle.counts, default=0) < 0 or sum(rle.counts) != rle.width * rle.height:
            message = f"run lengths add up to {sum(rle.counts)}, the mask has {rle.width * rle.height} pixels"
            yield Occurrence(message=message, location=placed.location)


def boxes_missing_masks(context: RuleContext) -> Iterator[Occurrence]:
    """Boxes that are somewhere else than their run-length mask."""
    for placed in context.instances():
        filled = _filled(placed.annotation.rle)
        if filled is not None and iou(placed.annotation.box_xywh, filled) < context.policy.box_polygon_iou:
            message = f"box {box_text(placed.annotation.box_xywh)} is elsewhere than its mask: {box_text(filled)}"
            yield Occurrence(message=message, location=placed.location)


def _filled(rle: RLE | None) -> tuple[float, float, float, float] | None:
    try:
        return box_of_rle(rle) if rle is not None and rle.height > 0 else None
    except BadShape:
        return None


def numbers_not_finite(context: RuleContext) -> Iterator[Occurrence]:
    """Coordinates that are NaN or infinite."""
    for placed in context.annotations():
        values = (*placed.annotation.box_xywh, *(value for shape in placed.annotation.polygons for value in shape))
        if bad := [value for value in values if not math.isfinite(value)]:
            message = f"{len(bad)} of {len(values)} coordinates are no finite number, the first is {bad[0]}"
            yield Occurrence(message=message, location=placed.location)


def polygons_leaving(context: RuleContext) -> Iterator[Occurrence]:
    """Polygons that reach out of their image."""
    policy = context.policy
    for placed in context.annotations():
        outline, image = bounds(placed.annotation.polygons), placed.image
        allowed = max(policy.box_tolerance_px, policy.box_tolerance_share * max(image.width, image.height))
        if outline and (reach := overhang(outline, image.width, image.height)) > allowed:
            message = f"polygon reaches {reach:g} px out of the image of {image.width}x{image.height} px"
            yield Occurrence(message=message, location=placed.location)


def crowd_outlines(context: RuleContext) -> Iterator[Occurrence]:
    """Single things that are flagged as crowds."""
    for placed in _crowds(context):
        if placed.annotation.rle is None:
            shape = "a polygon" if placed.annotation.polygons else "a box"
            message = f"{shape} is flagged iscrowd=1, which COCO keeps for regions of many as run lengths"
            yield Occurrence(message=message, location=placed.location)


def crowded_classes(context: RuleContext) -> Iterator[Occurrence]:
    """Classes that are drawn mostly as crowds."""
    crowds = Counter(placed.annotation.label for placed in _crowds(context))
    every = Counter(placed.annotation.label for placed in context.annotations())
    for label, count in sorted(crowds.items()):
        if count > context.policy.crowd_share * every[label]:
            name = context.class_name(label)
            message = f"{count} of {every[label]} annotations of {name!r} are flagged crowds: not trained on nor scored"
            yield Occurrence(message=message)


def _crowds(context: RuleContext) -> Iterator[PlacedAnnotation]:
    return (placed for placed in context.annotations() if placed.annotation.crowd)


RULES = (
    Rule(
        id="label.box_misses_mask",
        family=Family.LABELS,
        severity=Severity.ERROR,
        finds="boxes that are elsewhere than their run-length mask",
        why="box and mask teach different places",
        mend="compute the box from the mask",
        check=boxes_missing_masks,
    ),
    Rule(
        id="label.polygon_leaves_image",
        family=Family.LABELS,
        severity=Severity.WARNING,
        finds="polygons that reach out of their image further than rounding explains",
        why="the mask is cut there, and the box is not that of what is left",
        mend="clip the polygons to the image",
        check=polygons_leaving,
    ),
    Rule(
        id="label.crowd_outline",
        family=Family.LABELS,
        severity=Severity.WARNING,
        finds="polygons and boxes that are flagged as crowds",
        why="what is flagged is neither trained on nor scored: on a single thing the flag is usually a slip",
        mend="clear iscrowd, or mark the region of many as a run-length mask",
        check=crowd_outlines,
    ),
    Rule(
        id="label.mostly_crowd",
        family=Family.LABELS,
        severity=Severity.ERROR,
        finds="classes most of whose annotations are flagged as crowds",
        why="there is next to nothing left to learn of them",
        mend="clear iscrowd where a single thing is meant",
        check=crowded_classes,
    ),
)
