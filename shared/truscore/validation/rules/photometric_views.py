"""Views of one object that do not lie on each other, by their fine detail at full size."""

from collections.abc import Iterator

from truscore.validation.rule import Check, Occurrence, Severity, rules_of
from truscore.validation.rule_context import RuleContext


def shifted_views(context: RuleContext) -> Iterator[Occurrence]:
    """Views that lie beside the others. Of an object without print nothing is known, and nothing is said."""
    for lit_object, views in context.views():
        for view in views:
            shift = context.view_shifts.get(view.path)
            if shift is not None and shift.moved_px >= context.policy.view_shift_px:
                message = (
                    f"view lies {shift.moved_px:.1f} px off the other views of {lit_object.name!r}: in its middle "
                    f"{_ways(shift.right_px, 'right', 'left')}, {_ways(shift.down_px, 'down', 'up')}"
                )
                yield Occurrence(message=message, location=view.path)


def _ways(pixels: float, forward: str, back: str) -> str:
    return f"{abs(pixels):.1f} px {forward if pixels >= 0 else back}"


_ROWS: tuple[tuple[str, Severity, Check, str, str, str], ...] = (
    (
        "label.view_shifted",
        Severity.WARNING,
        shifted_views,
        "views that are shifted against the others of their object by a pixel or more",
        "the edge of a print is then taken for relief: normals and lamp deviation show the print's outlines",
        "fix camera and card, photograph the object again or shift the view back; leave the view out where others do",
    ),
)

RULES = rules_of(_ROWS)
