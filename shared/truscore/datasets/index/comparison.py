"""What differs between two datasets: images, classes, grades, marks, labels and scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from truscore.datasets.index.records import Annotation, DatasetIndex, ImageRecord

DECIMALS = 2  # of coordinates in pixels: formats write them with different numbers of digits


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageChange:
    """One image that both have. `pixels`: its file differs. Counts are of marks that only one side has."""

    path: str
    pixels: bool = False
    added: Mapping[str, int] = field(default_factory=dict)  # marks by class
    removed: Mapping[str, int] = field(default_factory=dict)
    labels: tuple[tuple[str, ...] | None, tuple[str, ...] | None] | None = None  # before and after
    scores: tuple[str, ...] = ()  # names of scores that differ
    part: tuple[str, str] | None = None  # of a split, before and after; "" for none


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetDifference:
    """`moved` are images of equal content under another path, by the path before."""

    images_added: tuple[str, ...] = ()
    images_removed: tuple[str, ...] = ()
    moved: Mapping[str, str] = field(default_factory=dict)
    classes_added: tuple[str, ...] = ()
    classes_removed: tuple[str, ...] = ()
    order_changed: bool = False  # of the classes that both have
    grades_changed: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    images_changed: tuple[ImageChange, ...] = ()

    @property
    def is_empty(self) -> bool:
        return self == DatasetDifference()


def compare(before: DatasetIndex, after: DatasetIndex) -> DatasetDifference:
    """How `after` differs from `before`. Marks of one class are equal to 0.01 px; their ids and order don't count."""
    here = {image.path: image for image in before.images}
    there = {image.path: image for image in after.images}
    removed, added = sorted(here.keys() - there.keys()), sorted(there.keys() - here.keys())
    moved = _moved(here, there, removed, added)
    pairs = {path: path for path in here.keys() & there.keys()} | moved
    changes = (_change(here[one], there[other], before, after) for one, other in sorted(pairs.items()))
    kept = [name for name in before.class_names if name in after.class_names]
    return DatasetDifference(
        images_added=tuple(path for path in added if path not in moved.values()),
        images_removed=tuple(path for path in removed if path not in moved),
        moved=moved,
        classes_added=tuple(name for name in after.class_names if name not in before.class_names),
        classes_removed=tuple(name for name in before.class_names if name not in after.class_names),
        order_changed=kept != [name for name in after.class_names if name in before.class_names],
        grades_changed=_grades_changed(before, after),
        images_changed=tuple(change for change in changes if change != ImageChange(path=change.path)),
    )


def _moved(
    here: Mapping[str, ImageRecord], there: Mapping[str, ImageRecord], removed: list[str], added: list[str]
) -> dict[str, str]:
    """Images with the same bytes under one other path; of several alike none is said to have moved."""
    gone = Counter(here[path].sha256 for path in removed)
    new = Counter(there[path].sha256 for path in added)
    by_content = {there[path].sha256: path for path in added}
    return {
        path: by_content[here[path].sha256]
        for path in removed
        if gone[here[path].sha256] == new[here[path].sha256] == 1
    }


def _change(one: ImageRecord, other: ImageRecord, before: DatasetIndex, after: DatasetIndex) -> ImageChange:
    marks, marks_after = _marks(one, before), _marks(other, after)
    labels, labels_after = _labels(one, before), _labels(other, after)
    scores, scores_after = dict(one.scores), dict(other.scores)
    return ImageChange(
        path=one.path,
        pixels=one.sha256 != other.sha256,
        added=_by_class(marks_after - marks),
        removed=_by_class(marks - marks_after),
        labels=None if labels == labels_after else (labels, labels_after),
        scores=tuple(
            sorted(name for name in scores.keys() | scores_after.keys() if scores.get(name) != scores_after.get(name))
        ),
        part=None if one.part == other.part else (one.part, other.part),
    )


def _marks(image: ImageRecord, index: DatasetIndex) -> Counter[tuple[object, ...]]:
    return Counter(_key(mark, index.class_names[mark.label - 1]) for mark in image.annotations)


def _key(mark: Annotation, name: str) -> tuple[object, ...]:
    def rounded(numbers: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(round(number, DECIMALS) + 0.0 for number in numbers)

    polygons = tuple(map(rounded, mark.polygons))
    return name, rounded(mark.box_xywh), polygons, mark.rle, mark.crowd, mark.shape, rounded(mark.points)


def _by_class(marks: Counter[tuple[object, ...]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for key, count in marks.items():
        found[str(key[0])] += count
    return dict(sorted(found.items()))


def _labels(image: ImageRecord, index: DatasetIndex) -> tuple[str, ...] | None:
    return None if image.labels is None else tuple(sorted(index.class_names[label - 1] for label in image.labels))


def _grades_changed(before: DatasetIndex, after: DatasetIndex) -> dict[str, tuple[float | None, float | None]]:
    here = dict(zip(before.class_names, before.grades, strict=False))
    there = dict(zip(after.class_names, after.grades, strict=False))
    both = [name for name in before.class_names if name in after.class_names]
    return {name: (here.get(name), there.get(name)) for name in both if here.get(name) != there.get(name)}
