"""Label consistency of boxes: do they have area, and do they lie in their image?"""

from collections.abc import Iterator

from truscore.datasets.shapes.geometry import Box, area, inside_share, overhang
from truscore.validation.rule import Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import PlacedAnnotation, RuleContext, frame


def box_text(box: Box) -> str:
    """The box as a message shows it."""
    return "[" + ", ".join(f"{value:g}" for value in box) + "]"


def degenerate_boxes(context: RuleContext) -> Iterator[Occurrence]:
    """Boxes without area."""
    for placed in context.annotations():
        box = placed.annotation.box_xywh
        if area(box) <= 0:
            yield Occurrence(
                message=f"box {box_text(box)} has no area: width and height must be above 0", location=placed.location
            )


def tiny_boxes(context: RuleContext) -> Iterator[Occurrence]:
    """Boxes thinner than anything a network can see."""
    least = context.policy.tiny_side_px
    for placed in context.instances():
        box = placed.annotation.box_xywh
        if not placed.annotation.shape and area(box) > 0 and min(box[2], box[3]) < least:
            message = f"box {box_text(box)} is thinner than {least:g} px"
            yield Occurrence(message=message, location=placed.location)


def boxes_outside(context: RuleContext) -> Iterator[Occurrence]:
    """Boxes that lie mostly beside their image."""
    for placed in context.annotations():
        box, image = placed.annotation.box_xywh, placed.image
        if area(box) > 0 and inside_share(box, frame(image)) < context.policy.least_inside_share:
            message = f"box {box_text(box)} lies mostly outside the image of {image.width}x{image.height} px"
            yield Occurrence(message=message, location=placed.location)


def boxes_leaving(context: RuleContext) -> Iterator[Occurrence]:
    """Boxes that reach out of their image further than rounding explains."""
    for placed in context.annotations():
        box, image = placed.annotation.box_xywh, placed.image
        if _leaves(context, placed) and inside_share(box, frame(image)) >= context.policy.least_inside_share:
            reach = overhang(box, image.width, image.height)
            message = f"box {box_text(box)} reaches {reach:g} px out of the image of {image.width}x{image.height} px"
            yield Occurrence(message=message, location=placed.location)


def _leaves(context: RuleContext, placed: PlacedAnnotation) -> bool:
    image, policy = placed.image, context.policy
    allowed = max(policy.box_tolerance_px, policy.box_tolerance_share * max(image.width, image.height))
    return overhang(placed.annotation.box_xywh, image.width, image.height) > allowed


def frame_mismatch(context: RuleContext) -> Iterator[Occurrence]:
    """So many boxes leave their image that they were drawn on another picture."""
    every = leaving = 0
    for placed in context.annotations():
        every, leaving = every + 1, leaving + _leaves(context, placed)
    share = leaving / every if every else 0.0
    if share >= context.policy.frame_mismatch_share and leaving > 1:
        yield Occurrence(
            message=f"{leaving} of {every} boxes leave their image: they were drawn on images of another "
            f"size, crop or rotation (accepted: fewer than {context.policy.frame_mismatch_share:.0%})"
        )


RULES = (
    Rule(
        id="label.tiny_box",
        family=Family.LABELS,
        severity=Severity.WARNING,
        finds="boxes thinner than the policy's tiny side",
        why="they are clicks that slipped, and no network sees them",
        mend="remove the annotation or draw it again",
        check=tiny_boxes,
    ),
    Rule(
        id="label.box_outside",
        family=Family.LABELS,
        severity=Severity.ERROR,
        finds="boxes that lie mostly outside their image",
        why="they were drawn on another image or in other units",
        mend="export the annotations in pixels of the very image files of the dataset",
        check=boxes_outside,
    ),
    Rule(
        id="label.box_leaves_image",
        family=Family.LABELS,
        severity=Severity.WARNING,
        finds="boxes that reach out of their image further than rounding explains",
        why="the network cannot see what lies there; box losses pull it outward",
        mend="clip the boxes to the image",
        check=boxes_leaving,
    ),
    Rule(
        id="label.frame_mismatch",
        family=Family.LABELS,
        severity=Severity.ERROR,
        finds="a set in which a large share of the boxes leaves its image",
        why="the annotations belong to images of another size, crop or rotation: the boxes that fit are wrong too",
        mend="annotate the very files of the dataset, or scale and rotate the annotations with them",
        check=frame_mismatch,
    ),
)
