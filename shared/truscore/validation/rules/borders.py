"""Label consistency and coverage of card borders: the outer border encloses the graphical one, and both are drawn."""

from collections.abc import Iterator

from truscore.datasets import Annotation, ImageRecord
from truscore.datasets.shapes.geometry import inside_share
from truscore.validation.policy.expectations import DUAL_BORDERS
from truscore.validation.rule import Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import RuleContext
from truscore.validation.rules.boxes import box_text

OUTER, GRAPHICAL = 1, 2


def _is_dual(context: RuleContext) -> bool:
    return context.expectation.class_names == DUAL_BORDERS and len(context.index.class_names) == len(DUAL_BORDERS)


def _named(image: ImageRecord, label: int) -> list[Annotation]:
    return [annotation for annotation in image.annotations if annotation.label == label and not annotation.crowd]


def _outside(context: RuleContext, image: ImageRecord, *, inner: int, outer: int) -> list[Annotation]:
    """Borders of one label that lie in no border of the other."""
    frames = [annotation.box_xywh for annotation in _named(image, outer)]
    return [
        annotation
        for annotation in _named(image, inner)
        if frames and max(inside_share(annotation.box_xywh, one) for one in frames) < context.policy.nested_share
    ]


def borders_swapped(context: RuleContext) -> Iterator[Occurrence]:
    """A set whose outer borders lie within the graphical ones: the class ids mean the reverse."""
    if not _is_dual(context):
        return
    both, swapped, first = 0, 0, ""
    for image in context.index.images:
        if _named(image, OUTER) and _named(image, GRAPHICAL):
            both += 1
            if _outside(context, image, inner=GRAPHICAL, outer=OUTER) and not _outside(
                context, image, inner=OUTER, outer=GRAPHICAL
            ):
                swapped, first = swapped + 1, first or image.path
    if swapped and 2 * swapped > both:
        yield Occurrence(
            message=f"in {swapped} of {both} images {context.class_name(OUTER)} lies within "
            f"{context.class_name(GRAPHICAL)}: the class ids are the reverse of 1 outer_border, 2 graphical_border",
            location=first,
        )


def borders_not_nested(context: RuleContext) -> Iterator[Occurrence]:
    """A graphical border that no outer border encloses."""
    if not _is_dual(context):
        return
    for image in context.index.images:
        for annotation in _outside(context, image, inner=GRAPHICAL, outer=OUTER):
            message = f"graphical border {box_text(annotation.box_xywh)} lies in no outer border of its image"
            yield Occurrence(message=message, location=f"{image.path}#{annotation.source_id or 'graphical_border'}")


def border_missing(context: RuleContext) -> Iterator[Occurrence]:
    """An image with one of the two borders only."""
    if not _is_dual(context):
        return
    for image in context.index.images:
        outer, graphical = len(_named(image, OUTER)), len(_named(image, GRAPHICAL))
        if outer != graphical and (outer == 0 or graphical == 0):
            message = f"has {outer} outer and {graphical} graphical borders: centring needs both"
            yield Occurrence(message=message, location=image.path)


def unexpected_classes(context: RuleContext) -> Iterator[Occurrence]:
    """Classes other than those the option is about."""
    expected, found = context.expectation.class_names, context.index.class_names
    if expected and found and found != expected:
        option = f"{context.expectation.category}/{context.expectation.option}"
        yield Occurrence(message=f"classes are {', '.join(found[:20])}, {option} expects {', '.join(expected)}")


RULES = (
    Rule(
        id="label.borders_swapped",
        family=Family.LABELS,
        severity=Severity.ERROR,
        finds="sets whose class ids mean the reverse of outer and graphical border",
        why="the same id means different things in different sets, and a model of both learns neither",
        mend="swap the two class ids",
        check=borders_swapped,
    ),
    Rule(
        id="label.borders_not_nested",
        family=Family.LABELS,
        severity=Severity.ERROR,
        finds="graphical borders that no outer border encloses",
        why="the printed frame lies on the card, so one of the two is drawn wrong; centring would be negative",
        mend="draw both borders of the card again",
        check=borders_not_nested,
    ),
    Rule(
        id="coverage.border_missing",
        family=Family.COVERAGE,
        severity=Severity.WARNING,
        finds="images on which only one of the two borders is drawn",
        why="the network is taught that the other border is background",
        mend="draw the missing border, or leave the image out",
        check=border_missing,
    ),
    Rule(
        id="label.unexpected_classes",
        family=Family.LABELS,
        severity=Severity.WARNING,
        finds="class names other than those of the option",
        why="the model's output will not mean what the option's users expect",
        mend="rename or map the classes, or choose another option",
        check=unexpected_classes,
    ),
    Rule(
        id="label.names_assumed",
        family=Family.LABELS,
        severity=Severity.WARNING,
        finds="sets without class names that were read as the option's classes, in their order",
        why="the same id means outer border in one set and graphical border in another",
        mend="name the classes in data.yaml or in the order",
    ),
)
