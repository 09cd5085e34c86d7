"""Card geometry: are the borders those of a card, one within the other, and do corners lie where the card has them?"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from truscore.datasets import Annotation, ImageRecord
from truscore.datasets.shapes.quadrilateral import bend_of, corners_of, filled_share, in_frame, sides_of
from truscore.validation.rule import Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import PlacedAnnotation, RuleContext

if TYPE_CHECKING:
    from truscore.datasets.shapes.quadrilateral import Points

LEAST_FILLED = 0.9
_OUTER = re.compile(r"(?:outer|card)[ _-]?(?:border|edge)|border", re.IGNORECASE)
_INNER = re.compile(r"(?:graphical|graphic|inner)[ _-]?border", re.IGNORECASE)
_CORNER = re.compile(r"(?:(top|upper|bottom|lower)[ _-]?(left|right)|(tl|tr|br|bl))?[ _-]?corner.*", re.IGNORECASE)
_PLACES = {"tl": 0, "tr": 1, "br": 2, "bl": 3}


def _labels(context: RuleContext, pattern: re.Pattern[str]) -> frozenset[int]:
    return frozenset(
        label for label, name in enumerate(context.index.class_names, start=1) if pattern.fullmatch(name.strip())
    )


def _borders(context: RuleContext) -> Iterator[PlacedAnnotation]:
    labels = _labels(context, _OUTER) | _labels(context, _INNER)
    return (placed for placed in context.instances() if placed.annotation.label in labels)


def _outline(annotation: Annotation) -> tuple[float, ...]:
    """The single polygon, or the box where nothing finer is drawn; empty where several parts are."""
    if len(annotation.polygons) > 1 or annotation.rle:
        return ()
    x, y, width, height = annotation.box_xywh
    return annotation.polygons[0] if annotation.polygons else (x, y, x + width, y, x + width, y + height, x, y + height)


def _is_parallelogram(outline: tuple[float, ...]) -> bool:
    """Whether it is four corners, opposite ones of the same middle: most outlines are, and need no closer look."""
    if len(outline) != 8:
        return False
    x0, y0, x1, y1, x2, y2, x3, y3 = outline
    return abs(x0 + x2 - x1 - x3) + abs(y0 + y2 - y1 - y3) < 1e-6


def not_quadrilaterals(context: RuleContext) -> Iterator[Occurrence]:
    """Borders that leave out or add a part of the card."""
    for placed in _borders(context):
        outline = _outline(placed.annotation)
        if not placed.annotation.polygons or not outline or _is_parallelogram(outline):
            continue
        if (filled := filled_share(outline)) < LEAST_FILLED:
            message = f"border fills {filled:.0%} of a quadrilateral, a card fills at least {LEAST_FILLED:.0%}"
            yield Occurrence(message=message, location=placed.location)


def bent_borders(context: RuleContext) -> Iterator[Occurrence]:
    """Borders whose sides are not straight."""
    accepted = context.policy.quadrilateral_share
    for placed in _borders(context):
        outline = _outline(placed.annotation)
        # Four corners are joined by straight lines.
        corners_42 = corners_of(outline) if placed.annotation.polygons and len(outline) > 8 else None
        if corners_42 is not None and (bend := bend_of(outline, corners_42)) > accepted:
            message = f"a side of the border leaves its line by {bend:.1%} of the shorter side, accepted {accepted:.1%}"
            yield Occurrence(message=message, location=placed.location)


def odd_card_shapes(context: RuleContext) -> Iterator[Occurrence]:
    """Outer borders that no card of 2.5 x 3.5 inches has."""
    policy, labels = context.policy, _labels(context, _OUTER)
    for placed in context.instances():
        outline = _outline(placed.annotation)
        corners_42 = corners_of(outline) if placed.annotation.label in labels and outline else None
        if corners_42 is None:
            continue
        sides = sorted(sides_of(corners_42))
        aspect = sides[0] / sides[1]
        if abs(aspect - policy.card_aspect) > policy.card_aspect_tolerance:
            message = (
                f"outer border is {sides[0]:.0f} by {sides[1]:.0f} px, {aspect:.2f} to 1: a card of 2.5 x 3.5 inches "
                f"is {policy.card_aspect:.2f}, accepted within {policy.card_aspect_tolerance:g}"
            )
            yield Occurrence(message=message, location=placed.location)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Card:
    """A graphical border in the frame in which its outer border is the unit square."""

    image: ImageRecord
    inner: Annotation
    number: int
    inner_42: "Points"

    @property
    def location(self) -> str:
        return f"{self.image.path}#{self.inner.source_id or self.number}"


def _cards(context: RuleContext) -> Iterable[_Card]:
    """Two rules look at them: of as many images as are in memory they are measured once."""
    return context.once(_listed_cards) if isinstance(context.index.images, tuple) else _measured_cards(context)


def _listed_cards(context: RuleContext) -> list[_Card]:
    return list(_measured_cards(context))


def _measured_cards(context: RuleContext) -> Iterator[_Card]:
    inner_labels = _labels(context, _INNER)
    outer_labels = _labels(context, _OUTER) - inner_labels
    if not (outer_labels and inner_labels):
        return
    for image in context.index.images:
        outers = [mark for mark in image.annotations if mark.label in outer_labels and not mark.crowd]
        frames = [found for mark in outers if (found := corners_of(_outline(mark))) is not None]
        for number, mark in enumerate(image.annotations):
            found_42 = corners_of(_outline(mark)) if mark.label in inner_labels and not mark.crowd else None
            if found_42 is None or not frames:
                continue
            middle_2 = found_42.mean(axis=0)
            frame_42 = min(frames, key=lambda frame_42: math.dist(frame_42.mean(axis=0), middle_2))
            yield _Card(image=image, inner=mark, number=number, inner_42=in_frame(found_42, frame_42))


def borders_poking_out(context: RuleContext) -> Iterator[Occurrence]:
    """Graphical borders that cross the outer border."""
    accepted = context.policy.nesting_tolerance_share
    for card in _cards(context):
        out = max(float(-card.inner_42.min()), float(card.inner_42.max()) - 1, 0.0)
        if out > accepted:
            message = f"graphical border leaves the outer border by {out:.1%} of the card, accepted {accepted:.1%}"
            yield Occurrence(message=message, location=card.location)


def implausible_centring(context: RuleContext) -> Iterator[Occurrence]:
    """Prints so far off the middle that no press makes them."""
    accepted = context.policy.centring_share
    for card in _cards(context):
        low_2, high_2 = card.inner_42.min(axis=0), card.inner_42.max(axis=0)
        for axis, names in enumerate((("left", "right"), ("top", "bottom"))):
            margins = max(float(low_2[axis]), 0.0), max(1 - float(high_2[axis]), 0.0)
            total = sum(margins)
            if total > context.policy.bleed_share and max(margins) / total > accepted:
                shares = [round(100 * margin / total) for margin in margins]
                message = (
                    f"centring {names[0]} to {names[1]} is {shares[0]}:{shares[1]}, "
                    f"plausible is up to {round(100 * accepted)}:{round(100 * (1 - accepted))}"
                )
                yield Occurrence(message=message, location=card.location)


def stray_corners(context: RuleContext) -> Iterator[Occurrence]:
    """Corner marks that hold no corner of the card, or another one than they are named for."""
    corner_labels = _labels(context, _CORNER)
    outer_labels = _labels(context, _OUTER) - _labels(context, _INNER)
    for placed in context.instances() if corner_labels and outer_labels else ():
        mark = placed.annotation
        outers = [one for one in placed.image.annotations if one.label in outer_labels and not one.crowd]
        frames = [found for one in outers if (found := corners_of(_outline(one))) is not None]
        if mark.label not in corner_labels or not frames:
            continue
        place = _place(context.class_name(mark.label))
        allowed = [corner for frame in frames for at, corner in enumerate(frame) if place in {None, at}]
        reach = context.policy.corner_reach_share * min(min(sides_of(frame)) for frame in frames)
        if min(_distance(mark.box_xywh, corner) for corner in allowed) > reach:
            message = f"{context.class_name(mark.label)} {mark.box_xywh} holds no such corner of the outer border"
            yield Occurrence(message=message, location=placed.location)


def _place(name: str) -> int | None:
    """Which corner a class is named for: from the upper left around; None where it says nothing."""
    match = _CORNER.fullmatch(name.strip())
    if match is None or not any(match.groups()):
        return None
    vertical, horizontal, short = match.groups()
    if short:
        return _PLACES[short.lower()]
    return _PLACES[("t" if vertical.lower() in {"top", "upper"} else "b") + horizontal[0].lower()]


def _distance(box: tuple[float, float, float, float], point_2: "Points") -> float:
    x, y, width, height = box
    across = max(x - float(point_2[0]), 0.0, float(point_2[0]) - x - width)
    down = max(y - float(point_2[1]), 0.0, float(point_2[1]) - y - height)
    return math.hypot(across, down)


RULES = (
    Rule(
        id="geometry.border_outside_card",
        family=Family.GEOMETRY,
        severity=Severity.ERROR,
        finds="graphical borders that cross the outer border of their card",
        why="print lies on the card: one of the two is drawn wrong, and centring comes out negative",
        mend="draw both borders of the card again",
        check=borders_poking_out,
    ),
    Rule(
        id="geometry.not_quadrilateral",
        family=Family.GEOMETRY,
        severity=Severity.WARNING,
        finds="borders that are no quadrilateral",
        why="a card has four corners; what is missing or added is taught as border",
        mend="draw the four corners",
        check=not_quadrilaterals,
    ),
    Rule(
        id="geometry.bent_border",
        family=Family.GEOMETRY,
        severity=Severity.WARNING,
        finds="borders whose sides are not straight",
        why="cards are cut straight: a bend is a slip of the hand or an uncorrected lens, and moves the centring",
        mend="draw the side again, or correct the lens",
        check=bent_borders,
    ),
    Rule(
        id="geometry.card_aspect",
        family=Family.GEOMETRY,
        severity=Severity.WARNING,
        finds="outer borders whose sides are not as 2.5 to 3.5",
        why="the image was stretched, or something else than the card was outlined",
        mend="draw the card's own edge, or export the image without stretching",
        check=odd_card_shapes,
    ),
    Rule(
        id="geometry.implausible_centring",
        family=Family.GEOMETRY,
        severity=Severity.WARNING,
        finds="graphical borders that touch one side of the card and leave the other wide",
        why="so badly cut cards hardly exist: one of the two borders is usually drawn wrong",
        mend="check both borders of the card",
        check=implausible_centring,
    ),
    Rule(
        id="geometry.stray_corner",
        family=Family.GEOMETRY,
        severity=Severity.ERROR,
        finds="corner marks that hold no corner of the outer border, or another one than they are named for",
        why="a corner that is none teaches wear where there is none",
        mend="cut the corners out at the outer border's own corners",
        check=stray_corners,
    ),
)
