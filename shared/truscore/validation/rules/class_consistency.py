"""Label consistency of classes: is one thing called by one name, and drawn once?"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from truscore.datasets import Annotation, ImageRecord
from truscore.datasets.shapes.geometry import iou
from truscore.validation.rule import Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import RuleContext


def _close_pairs(context: RuleContext, image: ImageRecord) -> Iterator[tuple[int, int, float]]:
    # Sorted by their left edge, only neighbours can coincide: a crowded image costs no square of its boxes.
    boxes = [annotation.box_xywh for annotation in image.annotations]
    order = sorted(range(len(boxes)), key=lambda number: boxes[number][0])
    least = context.policy.duplicate_iou
    for place, one in enumerate(order):
        reach = boxes[one][0] + (1 - least) * max(boxes[one][2], 0.0)
        for other in order[place + 1 :]:
            if boxes[other][0] > reach:
                break
            if (found := iou(boxes[one], boxes[other])) >= least:
                yield min(one, other), max(one, other), found


def duplicate_instances(context: RuleContext) -> Iterator[Occurrence]:
    """The same object drawn twice."""
    for image in context.index.images:
        for one, other, found in _close_pairs(context, image):
            first, second = image.annotations[one], image.annotations[other]
            if first.label == second.label:
                message = f"{context.class_name(first.label)} is drawn twice: the boxes overlap by {found:.2f} (IoU)"
                yield Occurrence(message=message, location=f"{image.path}#{second.source_id or other}")


def conflicting_labels(context: RuleContext) -> Iterator[Occurrence]:
    """One object under two names."""
    for image in context.index.images:
        for one, other, found in _close_pairs(context, image):
            first, second = image.annotations[one], image.annotations[other]
            if first.label != second.label:
                names = f"{context.class_name(first.label)} and {context.class_name(second.label)}"
                message = f"one place is labelled {names}: the boxes overlap by {found:.2f} (IoU)"
                yield Occurrence(message=message, location=f"{image.path}#{second.source_id or other}")


def unknown_classes(context: RuleContext) -> Iterator[Occurrence]:
    """Labels that no class has."""
    count = len(context.index.class_names)
    for placed in context.annotations():
        if not 1 <= placed.annotation.label <= count:
            message = f"label {placed.annotation.label} names no class: accepted are 1 to {count}"
            yield Occurrence(message=message, location=placed.location)


def repeated_class_names(context: RuleContext) -> Iterator[Occurrence]:
    """Two classes under one name, or a class without any."""
    counts = Counter(name.strip() for name in context.index.class_names)
    for name, count in counts.items():
        if not name:
            yield Occurrence(message=f"{count} of {len(context.index.class_names)} classes have no name")
        elif count > 1:
            yield Occurrence(message=f"{count} classes are called {name!r}")


def similar_class_names(context: RuleContext) -> Iterator[Occurrence]:
    """Class names that differ only in case, spaces or punctuation."""
    spellings: dict[str, set[str]] = defaultdict(set)
    for name in context.index.class_names:
        folded_name = name.strip().casefold()
        grade = folded_name[-1:] if folded_name[-1:] in {"+", "-"} else ""  # LP, LP+ and LP- are three grades
        spellings["".join(filter(str.isalnum, folded_name)) + grade].add(name.strip())
    for names in spellings.values():
        if len(names) > 1:
            yield Occurrence(message=f"classes {', '.join(sorted(map(repr, names)))} differ only in spelling")


def disagreeing_duplicates(context: RuleContext) -> Iterator[Occurrence]:
    """The same picture with different annotations."""
    by_digest: dict[str, list[ImageRecord]] = defaultdict(list)
    for _, image in context.copies():
        by_digest[image.sha256].append(image)
    for images in by_digest.values():
        for other in images[1:]:
            if _drawn(other) != _drawn(images[0]):
                label_names = [_label_names(context, one) for one in (other, images[0])]
                differ = f": {label_names[0]} here, {label_names[1]} there" if label_names[0] != label_names[1] else ""
                message = f"is byte for byte {images[0].path}, but is annotated differently{differ}"
                yield Occurrence(message=message, location=other.path)


def _label_names(context: RuleContext, image: ImageRecord) -> str:
    return ", ".join(context.class_name(label) for label in image.labels or ()) or "no label"


def _drawn(image: ImageRecord) -> object:
    def key(annotation: Annotation) -> tuple[int, tuple[float, ...]]:
        return annotation.label, tuple(round(value, 1) for value in annotation.box_xywh)

    return sorted(map(key, image.annotations)), image.labels, image.scores


RULES = (
    Rule(
        id="label.duplicate_instance",
        family=Family.LABELS,
        severity=Severity.WARNING,
        finds="the same object drawn twice under one class",
        why="suppression removes one of them, and it counts as a miss",
        mend="remove one of the two",
        check=duplicate_instances,
    ),
    Rule(
        id="label.conflicting_labels",
        family=Family.LABELS,
        severity=Severity.WARNING,
        finds="one place under two classes",
        why="the classifier is taught both",
        mend="decide for one class",
        check=conflicting_labels,
    ),
    Rule(
        id="label.similar_class_names",
        family=Family.LABELS,
        severity=Severity.WARNING,
        finds="class names that differ only in case, spaces or punctuation",
        why="they are usually one class that was spelt twice",
        mend="merge the classes",
        check=similar_class_names,
    ),
    Rule(
        id="label.disagreeing_duplicates",
        family=Family.LABELS,
        severity=Severity.ERROR,
        finds="byte-identical images with different annotations",
        why="at most one of them is right",
        mend="keep one of the images with the right annotations",
        check=disagreeing_duplicates,
    ),
)
