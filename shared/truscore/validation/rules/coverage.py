"""Annotation coverage: was everything annotated that is there to see?"""

from collections.abc import Iterator

from truscore.datasets.index.targets import GRADE, LIGHTS, in_words
from truscore.datasets.shapes.geometry import inside_share
from truscore.validation.measures.target_coverage import missing_targets
from truscore.validation.rule import Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import RuleContext, frame


def no_annotations(context: RuleContext) -> Iterator[Occurrence]:
    """A set in which nothing is drawn."""
    if context.index.images and context.unannotated_count() == len(context.index.images):
        yield Occurrence(message=f"none of {len(context.index.images)} images has an annotation")


def no_targets(context: RuleContext) -> Iterator[Occurrence]:
    """Sets without what the option learns, or with none of it in the part to train on or the one to validate on."""
    index, wanted = context.index, context.expectation.learns_from
    # Lights have a rule of their own: coverage.no_lit_objects.
    if not wanted or wanted == (LIGHTS,) or context.unannotated_count() == len(index.images):
        return
    named = f"{context.expectation.category}/{context.expectation.option} learns from {in_words(wanted)}"
    if missing := missing_targets(index, wanted):
        yield Occurrence(message=f"{named}; {missing}")
    elif wanted == (GRADE,) and not index.grades:
        classes = ", ".join(index.class_names[:8])
        yield Occurrence(message=f"{named}; the classes {classes} are no grades: name or declare them as such")


def unlabelled_images(context: RuleContext) -> Iterator[Occurrence]:
    """Images without any annotation."""
    for image in context.unannotated():
        yield Occurrence(message="image has no annotation", location=image.path)


def mostly_unlabelled(context: RuleContext) -> Iterator[Occurrence]:
    """A set whose annotation was left half done."""
    bare, count = context.unannotated_count(), len(context.index.images)
    if bare < count and bare > context.policy.unlabelled_share * count:
        accepted = f"accepted is up to {context.policy.unlabelled_share:.0%}"
        yield Occurrence(message=f"{bare} of {count} images have no annotation: {accepted}")


def whole_image_boxes(context: RuleContext) -> Iterator[Occurrence]:
    """Boxes that say no more than the image's frame."""
    for placed in context.instances():
        if inside_share(frame(placed.image), placed.annotation.box_xywh) >= context.policy.whole_image_share:
            yield Occurrence(message="box fills the whole image", location=placed.location)


def mixed_shapes(context: RuleContext) -> Iterator[Occurrence]:
    """Outlines on some objects, bare boxes on others."""
    outlined = sum(bool(one.annotation.polygons or one.annotation.rle) for one in context.instances())
    count = sum(1 for _ in context.instances())
    if 0 < outlined < count:
        yield Occurrence(
            message=f"{outlined} of {count} instances have an outline, {count - outlined} only a box, "
            "whose mask is its rectangle"
        )


def crowded_images(context: RuleContext) -> Iterator[Occurrence]:
    """Images with more instances than detectors keep."""
    for image in context.index.images:
        if len(image.annotations) > context.policy.crowded_image:
            message = f"{len(image.annotations)} annotations: more than {context.policy.crowded_image} in one image"
            yield Occurrence(message=message, location=image.path)


RULES = (
    Rule(
        id="coverage.no_annotations",
        family=Family.COVERAGE,
        severity=Severity.ERROR,
        finds="sets without any annotation",
        why="there is nothing to learn",
        mend="annotate the images, or put the annotation files where the format has them",
        check=no_annotations,
    ),
    Rule(
        id="coverage.no_targets",
        family=Family.COVERAGE,
        severity=Severity.ERROR,
        finds="sets that have none, or hardly any, of what the option learns from",
        why="there is nothing to learn, and whatever is measured afterwards is measured on nothing",
        mend="annotate what the message names, or choose the option that learns from what is there",
        check=no_targets,
    ),
    Rule(
        id="coverage.unlabelled_image",
        family=Family.COVERAGE,
        severity=Severity.WARNING,
        finds="images without any annotation",
        why="they teach that everything on them is background; forgotten ones teach it wrongly",
        mend="annotate them, or keep them where they show background on purpose",
        check=unlabelled_images,
    ),
    Rule(
        id="coverage.mostly_unlabelled",
        family=Family.COVERAGE,
        severity=Severity.ERROR,
        finds="sets most of whose images have no annotation",
        why="annotation was left half done, and the network learns to find nothing",
        mend="finish the annotation, or leave the bare images out",
        check=mostly_unlabelled,
    ),
    Rule(
        id="coverage.whole_image_box",
        family=Family.COVERAGE,
        severity=Severity.WARNING,
        finds="boxes that fill their whole image",
        why="they locate nothing",
        mend="draw the object itself, or photograph it with a margin",
        check=whole_image_boxes,
    ),
    Rule(
        id="coverage.mixed_shapes",
        family=Family.COVERAGE,
        severity=Severity.WARNING,
        finds="sets in which some instances have an outline and others only a box",
        why="masks of rectangles teach the mask branch wrong outlines",
        mend="outline every instance, or none",
        check=mixed_shapes,
    ),
    Rule(
        id="coverage.crowded_image",
        family=Family.COVERAGE,
        severity=Severity.WARNING,
        finds="images with hundreds of annotations",
        why="detectors keep a bounded number of boxes, and the rest counts as missed",
        mend="cut the image into tiles",
        check=crowded_images,
    ),
)
