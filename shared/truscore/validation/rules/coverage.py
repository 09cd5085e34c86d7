"""Annotation coverage: was everything annotated that is there to see?"""

from collections.abc import Iterator

from truscore.datasets.shapes.geometry import inside_share
from truscore.validation.rule import Family, Rule, Severity, Sighting
from truscore.validation.subject import Subject, frame


def no_annotations(subject: Subject) -> Iterator[Sighting]:
    """A set in which nothing is drawn."""
    if subject.index.images and len(subject.unannotated()) == len(subject.index.images):
        yield Sighting(message=f"none of {len(subject.index.images)} images has an annotation")


def unlabelled_images(subject: Subject) -> Iterator[Sighting]:
    """Images without any annotation."""
    for image in subject.unannotated():
        yield Sighting(message="image has no annotation", location=image.path)


def mostly_unlabelled(subject: Subject) -> Iterator[Sighting]:
    """A set whose annotation was left half done."""
    bare, count = len(subject.unannotated()), len(subject.index.images)
    if bare < count and bare > subject.policy.unlabelled_share * count:
        accepted = f"accepted is up to {subject.policy.unlabelled_share:.0%}"
        yield Sighting(message=f"{bare} of {count} images have no annotation: {accepted}")


def whole_image_boxes(subject: Subject) -> Iterator[Sighting]:
    """Boxes that say no more than the image's frame."""
    for placed in subject.instances():
        if inside_share(frame(placed.image), placed.annotation.box_xywh) >= subject.policy.whole_image_share:
            yield Sighting(message="box fills the whole image", location=placed.location)


def mixed_shapes(subject: Subject) -> Iterator[Sighting]:
    """Outlines on some objects, bare boxes on others."""
    outlined = sum(bool(one.annotation.polygons or one.annotation.rle) for one in subject.instances())
    count = sum(1 for _ in subject.instances())
    if 0 < outlined < count:
        yield Sighting(
            message=f"{outlined} of {count} instances have an outline, {count - outlined} only a box, "
            "whose mask is its rectangle"
        )


def crowded_images(subject: Subject) -> Iterator[Sighting]:
    """Images with more instances than detectors keep."""
    for image in subject.index.images:
        if len(image.annotations) > subject.policy.crowded_image:
            message = f"{len(image.annotations)} annotations: more than {subject.policy.crowded_image} in one image"
            yield Sighting(message=message, location=image.path)


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
