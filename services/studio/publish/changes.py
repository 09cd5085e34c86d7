"""What changed from one content of a dataset to another: images, marks by class, labels and scores. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from truscore.datasets.index.records import Annotation, DatasetIndex, ImageRecord

MOST_PATHS: Final = 20  # of each kind that are named


@dataclass(kw_only=True, slots=True)
class ClassChanges:
    """Marks of one class, and images that are labelled with it as a whole. `relabelled`: they were of another class."""

    name: str
    added: int = 0
    removed: int = 0
    moved: int = 0
    relabelled: int = 0
    images_added: int = 0
    images_removed: int = 0

    @property
    def any(self) -> bool:
        return any((self.added, self.removed, self.moved, self.relabelled, self.images_added, self.images_removed))


@dataclass(kw_only=True, slots=True)
class Changes:
    """Paths by what happened to the image; `annotated`: the same image, whose marks, labels or scores changed."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)  # "old → new"
    replaced: list[str] = field(default_factory=list)  # another picture under the path
    annotated: list[str] = field(default_factory=list)
    same: int = 0
    scores: int = 0  # values that were added, removed or changed
    classes: dict[int, ClassChanges] = field(default_factory=dict)
    class_names: list[str] = field(default_factory=list)  # "old → new", and "new" for one that is new


def changes_between(before: DatasetIndex, after: DatasetIndex) -> Changes:
    """Classes are told apart by number, images by path and content, marks by their id where they are not equal."""
    found = Changes(
        classes={n: ClassChanges(name=name) for n, name in enumerate(after.class_names, start=1)},
        class_names=_names(before.class_names, after.class_names),
    )
    old = {image.path: image for image in before.images}
    new = {image.path: image for image in after.images}
    gone = {image.sha256: path for path, image in old.items() if path not in new}
    for path, image in new.items():
        earlier = old.get(path)
        if earlier is None and image.sha256 in gone:
            earlier_path = gone.pop(image.sha256)
            found.renamed.append(f"{earlier_path} → {path}")
            earlier = old[earlier_path]
        elif earlier is None:
            found.added.append(path)
        elif earlier.sha256 != image.sha256:
            found.replaced.append(path)
        changed = _compare(earlier, image, found)
        if earlier is not None and changed:
            found.annotated.append(path)
        elif earlier is not None and earlier.sha256 == image.sha256 and earlier.path == path:
            found.same += 1
    for path in sorted(gone.values()):
        found.removed.append(path)
        _compare(old[path], None, found)
    return found


def as_json(changes: Changes) -> dict[str, Any]:
    """Counts, the first paths of each kind, and the classes that anything happened to."""
    kinds = ("added", "removed", "renamed", "replaced", "annotated")
    return {
        "images": {kind: len(getattr(changes, kind)) for kind in kinds} | {"same": changes.same},
        "paths": {kind: getattr(changes, kind)[:MOST_PATHS] for kind in kinds},
        "classes": [asdict(each) for each in changes.classes.values() if each.any],
        "class_names": changes.class_names,
        "scores": changes.scores,
    }


def _names(before: Sequence[str], after: Sequence[str]) -> list[str]:
    renamed = [f"{old} → {new}" for old, new in zip(before, after, strict=False) if old != new]
    return [*renamed, *after[len(before) :]]


def _compare(before: ImageRecord | None, after: ImageRecord | None, found: Changes) -> bool:
    """Counts what differs between the marks, labels and scores of one image; whether anything does."""
    marks = _compare_marks(before.annotations if before else (), after.annotations if after else (), found.classes)
    old, new = (set((each.labels if each else None) or ()) for each in (before, after))
    for label in new - old:
        _of(found.classes, label).images_added += 1
    for label in old - new:
        _of(found.classes, label).images_removed += 1
    looked_at = [each is not None and each.labels is not None for each in (before, after)]
    scores = _compare_scores(before.scores if before else (), after.scores if after else ())
    found.scores += scores
    return marks or old != new or looked_at[0] != looked_at[1] or scores > 0


def _compare_marks(before: Iterable[Annotation], after: Iterable[Annotation], classes: dict[int, ClassChanges]) -> bool:
    old, new = _apart(before, after)
    by_id = {mark.source_id: mark for mark in old if mark.source_id}
    for mark in new:
        earlier = by_id.pop(mark.source_id, None)
        if earlier is None:
            _of(classes, mark.label).added += 1
            continue
        old.remove(earlier)
        changed = _of(classes, mark.label)
        if earlier.label != mark.label:
            changed.relabelled += 1
        if replace(earlier, label=mark.label) != mark:
            changed.moved += 1
    for mark in old:
        _of(classes, mark.label).removed += 1
    return bool(old or new)


def _apart(before: Iterable[Annotation], after: Iterable[Annotation]) -> tuple[list[Annotation], list[Annotation]]:
    """Those that have no equal on the other side."""
    old, new = Counter(before), Counter(after)
    return list((old - new).elements()), list((new - old).elements())


def _compare_scores(before: Iterable[tuple[str, float]], after: Iterable[tuple[str, float]]) -> int:
    old, new = dict(before), dict(after)
    return sum(old.get(name) != new.get(name) for name in {*old, *new})


def _of(classes: dict[int, ClassChanges], label: int) -> ClassChanges:
    """Of a class that the draft no longer has, under its number."""
    return classes.setdefault(label, ClassChanges(name=f"class {label}"))
