"""Label consistency of polygons: do they enclose an area, and does their box enclose them?"""

from collections.abc import Iterator

from truscore.datasets.shapes.geometry import (
    Box,
    area,
    bounds,
    crosses_itself,
    distinct_points,
    iou,
    polygon_area,
)
from truscore.validation.rule import Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import PlacedAnnotation, RuleContext
from truscore.validation.rules.boxes import box_text


def short_polygons(context: RuleContext) -> Iterator[Occurrence]:
    """Polygons that enclose nothing."""
    for placed in context.annotations():
        for polygon in placed.annotation.polygons:
            corners = distinct_points(polygon)
            if corners < 3 or polygon_area(polygon) <= 0:
                message = f"polygon with {corners} different corners encloses no area: at least 3 that are not in line"
                yield Occurrence(message=message, location=placed.location)


def crossing_polygons(context: RuleContext) -> Iterator[Occurrence]:
    """Polygons whose outline crosses itself."""
    for placed in context.annotations():
        for polygon in placed.annotation.polygons:
            if len(polygon) >= 8 and crosses_itself(polygon):
                message = f"polygon of {len(polygon) // 2} corners crosses itself"
                yield Occurrence(message=message, location=placed.location)


def _outline(placed: PlacedAnnotation) -> Box | None:
    return bounds(placed.annotation.polygons)


def boxes_missing_polygons(context: RuleContext) -> Iterator[Occurrence]:
    """Boxes that are somewhere else than their polygons."""
    for placed in context.annotations():
        outline = _outline(placed)
        box = placed.annotation.box_xywh
        if outline and area(outline) > 0 and iou(box, outline) < context.policy.box_polygon_iou:
            message = f"box {box_text(box)} is elsewhere than its polygons, which fill {box_text(outline)}"
            yield Occurrence(message=message, location=placed.location)


def loose_boxes(context: RuleContext) -> Iterator[Occurrence]:
    """Boxes that do not enclose their polygons or leave room around them."""
    policy = context.policy
    for placed in context.annotations():
        outline, box = _outline(placed), placed.annotation.box_xywh
        if not outline or iou(box, outline) < policy.box_polygon_iou:
            continue
        allowed = max(policy.box_polygon_tolerance_px, policy.box_polygon_tolerance_share * max(box[2], box[3]))
        gap = _largest_gap(box, outline)
        if gap > allowed:
            filled = box_text(outline)
            message = f"box {box_text(box)} and its polygons, which fill {filled}, differ by {gap:g} px on one side"
            yield Occurrence(message=message, location=placed.location)


def _largest_gap(box: Box, outline: Box) -> float:
    left, top = abs(box[0] - outline[0]), abs(box[1] - outline[1])
    right = abs(box[0] + box[2] - outline[0] - outline[2])
    bottom = abs(box[1] + box[3] - outline[1] - outline[3])
    return max(left, top, right, bottom)


RULES = (
    Rule(
        id="label.crossing_polygon",
        family=Family.LABELS,
        severity=Severity.WARNING,
        finds="polygons whose outline crosses itself",
        why="which side is inside depends on the program that fills it",
        mend="order the corners along the outline, or split the polygon",
        check=crossing_polygons,
    ),
    Rule(
        id="label.box_misses_polygon",
        family=Family.LABELS,
        severity=Severity.ERROR,
        finds="boxes that are elsewhere than their polygons",
        why="box and mask teach different places",
        mend="compute the box from the polygon",
        check=boxes_missing_polygons,
    ),
    Rule(
        id="label.loose_box",
        family=Family.LABELS,
        severity=Severity.WARNING,
        finds="boxes that do not fit tightly around their polygons",
        why="box precision is measured against them",
        mend="compute the box from the polygon",
        check=loose_boxes,
    ),
)
