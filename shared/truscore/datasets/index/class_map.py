"""The class names of a dataset version, mapped to those that are wanted; a name that is not mapped is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

from truscore.datasets.index.class_order import grades_of
from truscore.datasets.index.records import Annotation, DatasetIndex, ImageRecord
from truscore.datasets.index.stored_images import as_stored
from truscore.datasets.strict_json import parse_json


class InvalidClassMap(ValueError):
    """The map does not fit the dataset or the classes wanted; the message names what and what is accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassMap:
    """`names`: each class of the dataset to a class wanted, or None to leave it out. `classes`: the wanted in order."""

    classes: tuple[str, ...]
    names: Mapping[str, str | None]


def class_map_from_json(text: str | bytes, *, classes: Sequence[str] = ()) -> ClassMap:
    """A map from `{"name here": "name wanted", "another": null}`. Raises InvalidClassMap.

    Without `classes` the wanted ones are those of the map, in the order of their first mention.
    """
    try:
        data = parse_json(text)
    except ValueError as error:
        raise InvalidClassMap(str(error)) from error
    if not isinstance(data, dict) or not all(isinstance(to, str) or to is None for to in data.values()):
        raise InvalidClassMap("expected an object from class name to class name or null")
    return class_map(data, classes=classes)


def class_map(names: Mapping[str, str | None], *, classes: Sequence[str] = ()) -> ClassMap:
    """A map to `classes`. Raises InvalidClassMap where it leads to another one."""
    wanted = tuple(classes) or tuple(dict.fromkeys(to for to in names.values() if to is not None))
    unknown = sorted({to for to in names.values() if to is not None} - set(wanted))
    if unknown:
        raise InvalidClassMap(f"classes {unknown} are not wanted; accepted are {list(wanted)} and null")
    if not wanted:
        raise InvalidClassMap("every class is left out; expected at least one to keep")
    return ClassMap(classes=wanted, names=MappingProxyType(dict(names)))


def apply_class_map(index: DatasetIndex, mapping: ClassMap) -> DatasetIndex:
    """The index with the wanted classes. Raises InvalidClassMap for names that only one of both sides knows."""
    missing = [name for name in index.class_names if name not in mapping.names]
    if missing:
        raise InvalidClassMap(f"classes {missing} of the dataset are not mapped; mapped are {list(mapping.names)}")
    unknown = [name for name in mapping.names if name not in index.class_names]
    if unknown:
        raise InvalidClassMap(f"the map names {unknown}; the dataset's classes are {list(index.class_names)}")
    labels = {
        label: mapping.classes.index(to) + 1
        for label, name in enumerate(index.class_names, start=1)
        if (to := mapping.names[name]) is not None
    }
    images = as_stored(index.images, (_mapped(image, labels) for image in index.images))
    return replace(index, class_names=mapping.classes, images=images, grades=_grades(index, mapping, labels))


def _mapped(image: ImageRecord, labels: Mapping[int, int]) -> ImageRecord:
    kept: tuple[Annotation, ...] = tuple(
        replace(annotation, label=labels[annotation.label])
        for annotation in image.annotations
        if annotation.label in labels
    )
    labels_before = image.labels
    # An image all of whose classes are left out is not thereby one with nothing on it.
    labels_after = (
        None if labels_before is None else tuple(sorted({labels[label] for label in labels_before if label in labels}))
    )
    return replace(image, annotations=kept, labels=None if labels_before and not labels_after else labels_after)


def _grades(index: DatasetIndex, mapping: ClassMap, labels: Mapping[int, int]) -> tuple[float, ...]:
    """Grades stay where the classes kept have one each and still rise."""
    kept = {labels[label]: grade for label, grade in enumerate(index.grades, start=1) if label in labels}
    values = tuple(kept[label] for label in sorted(kept))
    one_each = len(kept) == len(labels) == len(mapping.classes)
    rising = all(low < high for low, high in pairwise(values))
    return values if one_each and rising and values else grades_of(mapping.classes)
