"""Annotation coverage over the frame, over the files and over the dataset's own parts."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from truscore.datasets import ImageRecord
from truscore.datasets.index.in_order import by_path
from truscore.datasets.splitting.split import part_of
from truscore.validation.measures.change_point import find_change_point
from truscore.validation.rule import Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import RuleContext
from truscore.validation.rules.leakage import PARTS, named_parts, parts_of

LARGE_SHARE = 0.2
_GRID = 10  # the frame is divided into as many rows and columns


def classes_in_one_region(context: RuleContext) -> Iterator[Occurrence]:
    """Classes that are always drawn in one small region of the frame."""
    policy = context.policy
    places: dict[int, Counter[tuple[int, int]]] = defaultdict(Counter)
    for placed in context.instances():
        x, y, width, height = placed.annotation.box_xywh
        if width * height > LARGE_SHARE * placed.image.width * placed.image.height:
            continue  # what fills the frame has its middle in the middle
        across, down = (x + width / 2) / max(placed.image.width, 1), (y + height / 2) / max(placed.image.height, 1)
        places[placed.annotation.label][_cell(across), _cell(down)] += 1
    for label, cells in sorted(places.items()):
        count = cells.total()
        if count >= policy.region_instances and len(cells) <= policy.region_share * _GRID**2:
            (across, down), _ = cells.most_common(1)[0]
            yield Occurrence(
                message=f"all {count} instances of {context.class_name(label)!r} have their middle in {len(cells)} of "
                f"{_GRID**2} regions of the frame, around {10 * across + 5} % across and {10 * down + 5} % down"
            )


def _cell(share: float) -> int:
    return min(max(int(share * _GRID), 0), _GRID - 1)


def usual_class_missing(context: RuleContext) -> Iterator[Occurrence]:
    """Images without a class that nearly every other one has."""
    annotated = sum(bool(image.annotations) for image in context.index.images)
    seen = Counter(label for image in context.index.images for label in {mark.label for mark in image.annotations})
    for label, count in sorted(seen.items()):
        if not context.policy.usual_class_share * annotated <= count < annotated:
            continue
        for image in context.index.images:
            if image.annotations and all(mark.label != label for mark in image.annotations):
                message = f"has no {context.class_name(label)!r}, which {count} of {annotated} annotated images have"
                yield Occurrence(message=message, location=image.path)


def density_drift(context: RuleContext) -> Iterator[Occurrence]:
    """From some file on, far more or fewer annotations an image are drawn."""
    policy = context.policy
    if any(image.labels is not None for image in context.index.images):
        return  # folders of classes: the order of the files is that of the classes
    images = by_path(context.index.images)
    divided = bool(parts_of(image for image in images if image.annotations))
    counts = array("I", (len(image.annotations) for image in _in_training(images, divided=divided)))
    if len(counts) < policy.density_images:
        return
    change = find_change_point(counts, least_ratio=policy.density_ratio)
    if change.p_value <= policy.shortcut_chance:
        yield Occurrence(
            message=f"{change.before:.1f} annotations an image before this file, {change.after:.1f} from it on: "
            f"annotators differ, or one grew tired (chance of this by accident at most {change.p_value:.3f})",
            location=next(islice(_in_training(images, divided=divided), change.place, None)).path,
        )


def _in_training(images: Iterable[ImageRecord], *, divided: bool) -> Iterator[ImageRecord]:
    """Annotated images, of a divided dataset those for training."""
    return (image for image in images if image.annotations and not (divided and part_of(image) != 0))


def _counts_by_part(context: RuleContext) -> Mapping[str, Counter[int]]:
    parts = context.once(named_parts)
    if not parts:
        return {}
    present = set(parts.values())
    counts: dict[str, Counter[int]] = {part: Counter() for part in PARTS if part in present}
    for image in context.index.images:
        if image.path in parts:
            counts[parts[image.path]].update(mark.label for mark in image.annotations if not mark.crowd)
            counts[parts[image.path]].update(image.labels or ())
    return counts


def classes_missing_from_part(context: RuleContext) -> Iterator[Occurrence]:
    """Classes that one of the dataset's own parts lacks."""
    counts = _counts_by_part(context)
    for label in sorted(set().union(*counts.values())):
        having = {part: count[label] for part, count in counts.items()}
        for part in (part for part, count in having.items() if count == 0):
            others = ", ".join(f"{count} in {name}" for name, count in having.items() if count)
            yield Occurrence(message=f"class {context.class_name(label)!r} is missing from the {part} part ({others})")


def drifting_parts(context: RuleContext) -> Iterator[Occurrence]:
    """Classes far more frequent in one of the dataset's own parts than in another."""
    policy, counts = context.policy, _counts_by_part(context)
    totals = {part: count.total() for part, count in counts.items()}
    for label in sorted(set().union(*counts.values())):
        shares = {part: count[label] / totals[part] for part, count in counts.items() if count[label]}
        if len(shares) < 2 or sum(count[label] for count in counts.values()) < policy.drift_instances:
            continue
        low, high = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
        if shares[high] > policy.part_drift_ratio * shares[low] and counts[low][label] >= 5:
            yield Occurrence(
                message=f"class {context.class_name(label)!r} is {shares[high]:.1%} of the {high} part and "
                f"{shares[low]:.1%} of the {low} part"
            )


RULES = (
    Rule(
        id="coverage.one_region",
        family=Family.COVERAGE,
        severity=Severity.INFO,
        finds="classes that are always drawn in one small region of the frame",
        why="the network may learn the place instead of the thing",
        mend="photograph the thing elsewhere in the frame too, or augment by moving",
        check=classes_in_one_region,
    ),
    Rule(
        id="coverage.usual_class_missing",
        family=Family.COVERAGE,
        severity=Severity.WARNING,
        finds="images without a class that nearly every other one has",
        why="a forgotten annotation teaches that the thing is background",
        mend="draw it, or make sure that it is not there",
        check=usual_class_missing,
    ),
    Rule(
        id="coverage.density_drift",
        family=Family.COVERAGE,
        severity=Severity.WARNING,
        finds="sets in which, from some file on, far more or fewer annotations an image are drawn",
        why="annotators see differently, or grow tired: half of the set teaches what the other half denies",
        mend="agree on what is drawn, and look at the sparser half again",
        check=density_drift,
    ),
    Rule(
        id="balance.class_missing_from_part",
        family=Family.BALANCE,
        severity=Severity.WARNING,
        finds="classes that one of the dataset's own parts lacks",
        why="they are either not learnt or not measured",
        mend="move some of their images, or drop the folders and let the split be made here",
        check=classes_missing_from_part,
    ),
    Rule(
        id="balance.part_drift",
        family=Family.BALANCE,
        severity=Severity.WARNING,
        finds="classes far more frequent in one of the dataset's own parts than in another",
        why="validation then measures another problem than the one that was learnt",
        mend="drop the folders and let the split be made here, by class",
        check=drifting_parts,
    ),
)
