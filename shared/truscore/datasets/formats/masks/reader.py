"""The image-and-mask reader: a picture of what is marked for each image, beside it or in a folder of masks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from truscore.datasets.folder_words import is_good
from truscore.datasets.formats.class_folders.levels import class_levels
from truscore.datasets.formats.class_folders.reader import class_by_image
from truscore.datasets.formats.class_lists import ClassList, class_list
from truscore.datasets.formats.masks.manner import (
    BINARY,
    CLASSES,
    COLOURS,
    INSTANCE_BASE,
    INSTANCES,
    Manner,
    as_colours,
    load_values,
    manner_of,
)
from truscore.datasets.formats.masks.pairing import mask_class, masks_by_image
from truscore.datasets.formats.masks.sound_images import listed_as_sound
from truscore.datasets.index.records import Annotation, ImageRecord
from truscore.datasets.paths import name_of, stem_of
from truscore.datasets.reading.build_index import Annotate, ImageLabels, build_read_result, unreadable_dataset
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.mask_file import JPEG_THRESHOLD, binarise, binarise_lossy
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.reading.stated_parts import lines_of
from truscore.datasets.shapes.masks import mask_to_rle
from truscore.datasets.shapes.parse import BadShape, box_of_rle

# Numbered folders of these names are classes (DAGM 2007: Class1, Class2, ...); others, from so many on, ids of things.
_CLASS_WORDS = frozenset({"class", "type", "category", "defect", "damage", "label", "grade", "psa", "bgs", "sgc", ""})
_LEAST_IDS = 3
ONLY_CLASS = "defect"
_SOUND = "good"


def recognise_masks(context: ReaderContext) -> bool:
    """Whether most images have a mask, or some have one whose name or folder says that it is a mask."""
    derived = context.folder.derived
    pairs = masks_by_image(context.folder.pictures, derived)
    found = [masks for masks in pairs.values() if masks]
    return bool(found) and (2 * len(found) >= len(pairs) or any(mask in derived for masks in found for mask in masks))


def read_masks(context: ReaderContext) -> ReadResult:
    """Read images with what their masks mark; the class is that of the folder, or of the mask's values if declared."""
    declaration = context.declaration
    pairs = _without_unlisted(context, masks_by_image(context.folder.pictures, context.folder.derived))
    masks = tuple(sorted({mask for found in pairs.values() for mask in found}))
    if not masks:
        return unreadable_dataset(context, "format.masks.missing", "no image has a mask")
    context.files_read.update(masks)
    manner = manner_of(context, masks)
    if manner.lossy and not manner.refusal:
        text = f"masks are JPEG: pixels above {JPEG_THRESHOLD} were taken as marked; declare a mask_threshold"
        context.log.add("label.mask_not_binary", text)
    by_mask: Mapping[str, str] = {}
    if manner.has_classes or declaration.mask_values == CLASSES:
        by_image = dict.fromkeys(pairs, "")
        classes = ClassList(names=manner.names.names or context.class_names)
    else:
        by_image = classes_of(tuple(pairs), context.class_names or declaration.classes)
        sound = listed_as_sound(context)
        by_image |= {path: _SOUND for path, found in pairs.items() if path in sound and not found}
        if said := class_levels(tuple(pairs)).said:
            context.log.add("format.folder.levels", said)
        by_mask = _classes_of_masks(pairs) if set(by_image.values()) <= {ONLY_CLASS, _SOUND} else {}
        used = {name for name in (*(by_mask or by_image).values(), *by_mask.values()) if not is_good(name)}
        classes = class_list(context, used, graded=False)
    reader = _MaskReader(context=context, classes=classes, manner=manner)
    marks: dict[str, Annotate] = {
        path: partial(reader.read_all, [(mask, by_mask.get(mask) or by_image[path]) for mask in found], by_image[path])
        for path, found in pairs.items()
    }
    return build_read_result(
        context,
        format="masks",
        class_names=classes.names,
        annotate=marks,
        # Where no folder names a class, the mask alone says whether something is there.
        image_labels={
            path: _image_labels(name, classes) for path, name in by_image.items() if name not in {"", ONLY_CLASS}
        },
    )


def _without_unlisted(context: ReaderContext, pairs: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Without the images that nobody drew masks for: VOC lists those that it did in ImageSets/Segmentation."""
    lists = [path for path in context.folder.with_suffix(".txt") if "segmentation" in path.lower().split("/")[:-1]]
    listed = {line.partition(" ")[0] for path in lists for line in lines_of(context, path)}
    if not any(stem_of(path) in listed for path in pairs):
        return dict(pairs)
    unlisted = [path for path, masks in pairs.items() if not masks and stem_of(path) not in listed]
    for path in unlisted:
        context.log.add("format.image_unlisted", "has no mask, and no list of images with masks names it", path)
    return {path: masks for path, masks in pairs.items() if path not in set(unlisted)}


def classes_of(paths: Sequence[str], class_names: Sequence[str]) -> dict[str, str]:
    """The class of each image by its folder; one class for all where no folder is a class."""
    by_image = class_by_image(paths)
    if not any(by_image.values()) or (
        not class_names and (_are_ids(set(by_image.values())) or _are_called_like_images(by_image))
    ):
        return dict.fromkeys(paths, class_names[0] if len(class_names) == 1 else ONLY_CLASS)
    return {path: name or ONLY_CLASS for path, name in by_image.items()}


def _classes_of_masks(pairs: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The class of each mask by a folder of its own; none where such folders are numbered things."""
    found = {mask: mask_class(mask, image) for image, masks in pairs.items() for mask in masks}
    names = set(found.values()) - {""}
    return {} if _are_ids(names) else {mask: name or ONLY_CLASS for mask, name in found.items()} if names else {}


def _are_called_like_images(by_image: Mapping[str, str]) -> bool:
    """Whether folders are things, each with an image called like it: ID/images/ID.png beside ID/masks."""
    return all(stem_of(path).casefold() == name.casefold() for path, name in by_image.items())


def _are_ids(names: set[str]) -> bool:
    """Whether folders are numbered things, as kos01, kos02, ... are, and no classes of damage."""
    stems = {re.sub(r"[\s_\-]*\d+$", "", name.casefold()) for name in names}
    return len(names) >= _LEAST_IDS and len(stems) == 1 and names.isdisjoint(stems) and not stems & _CLASS_WORDS


def _image_labels(name: str, classes: ClassList) -> ImageLabels:
    return ImageLabels(labels=() if is_good(name) else (classes.label(name),))


@dataclass(frozen=True, kw_only=True, slots=True)
class _MaskReader:
    context: ReaderContext
    classes: ClassList
    manner: Manner

    def read_all(self, masks: Sequence[tuple[str, str]], name: str, record: ImageRecord) -> tuple[Annotation, ...]:
        """What all masks of an image mark, each with its class; `name` is the class of the image's folder."""
        limit = self.context.limits.annotations_per_image
        if not masks and not is_good(name):
            self.context.log.add("format.masks.image_without_mask", "there is no mask for this image", record.path)
        if len(masks) > limit:
            self.context.log.add("label.too_many", f"{len(masks)} masks, at most {limit} are read", record.path)
        if self.context.dry_run:
            return ()
        return tuple(mark for mask, of_mask in masks[:limit] for mark in self.read(mask, of_mask, record))

    def read(self, mask: str, name: str, record: ImageRecord) -> tuple[Annotation, ...]:
        """`name` is the class of the folder; empty where the mask's values are the classes."""
        try:
            file, limits = self.context.folder.root / mask, self.context.limits
            if self.manner.kind == COLOURS:
                values_HW = as_colours(file, limits)
            else:
                loaded = load_values(file, limits)
                if loaded.coloured and self.manner.kind != BINARY:
                    raise BadShape("label.mask_values", "the mask is coloured; expected one value for each pixel")
                values_HW = loaded.values_HW
            self._check_size(values_HW, record)
            if name and self.manner.kind != INSTANCES:
                return self._by_folder(values_HW, mask, name)
            return self._by_value(values_HW, mask, name)
        except BadShape as bad:
            self.context.log.add(bad.code, str(bad), mask)
            return ()

    def _check_size(self, values_HW: Any, record: ImageRecord) -> None:
        height, width = values_HW.shape
        if (height, width) != (record.height, record.width):
            text = f"the mask has {width} x {height} pixels, its upright image {record.width} x {record.height}"
            raise BadShape("label.mask_size", text)

    def _by_folder(self, values_HW: Any, mask: str, name: str) -> tuple[Annotation, ...]:
        if self.manner.refusal and values_HW.any():
            raise BadShape("label.mask_values", self.manner.refusal)
        threshold = self.context.declaration.mask_threshold
        if self.manner.lossy:
            found = binarise_lossy(values_HW)
        else:
            found = binarise(self._without_ignored(values_HW, mask), threshold=threshold, few_are_numbers=True)
        if found.ambiguity:
            self.context.log.add("label.mask_not_binary", found.ambiguity, mask)
        if is_good(name):
            if found.mask_HW.any():
                self.context.log.add(
                    "label.good_but_marked", f"something is marked on an image of class {name!r}", mask
                )
            return ()
        if not found.mask_HW.any():
            if name == ONLY_CLASS:
                return ()
            self.context.log.add("label.empty_mask", f"nothing is marked on an image of class {name!r}", mask)
            return ()
        return (self._annotation(found.mask_HW, self.classes.label(name), mask),)

    def _by_value(self, values_HW: Any, mask: str, name: str) -> tuple[Annotation, ...]:
        """An annotation for each value; `name` is the class of all of them, "" where the values name classes."""
        import numpy as np

        values_HW = self._without_ignored(values_HW, mask)
        labels = {int(value): self._label(int(value), name) for value in np.unique(values_HW)}
        if unknown := [value for value, label in labels.items() if label is None]:
            shown = [f"#{value:06x}" for value in unknown] if self.manner.kind == COLOURS else unknown
            text = f"the mask has values {shown[:8]}, but the classes have numbers 1 to {len(self.classes.names)}"
            if self.manner.kind == COLOURS:
                text = f"the mask has colours {', '.join(map(str, shown[:8]))}, which the label map does not name"
            self.context.log.add("label.unknown_category", text, mask)
        return tuple(self._annotation(values_HW == value, label, mask) for value, label in labels.items() if label)

    def _label(self, value: int, name: str) -> int | None:
        """The label of a value, 0 for background, None for one that stands for nothing."""
        if not value or not self.manner.has_classes:
            return 0 if not value or is_good(name) else self.classes.label(name)
        base = INSTANCE_BASE if self.manner.kind == INSTANCES and value >= INSTANCE_BASE else 1
        return self.manner.names.label_of.get(value // base)

    def _without_ignored(self, values_HW: Any, mask: str) -> Any:
        """What nobody decided on is background in training, and reported."""
        import numpy as np

        ignored_HW = np.isin(values_HW, list(self.manner.ignored))
        if not ignored_HW.any():
            return values_HW
        text = f"{int(ignored_HW.sum())} pixels of value {min(self.manner.ignored)} are unlabelled; they were left out"
        self.context.log.add("label.ignored_region", text, mask)
        return np.where(ignored_HW, 0, values_HW)

    def _annotation(self, mask_HW: Any, label: int, mask: str) -> Annotation:
        rle = mask_to_rle(mask_HW)
        return Annotation(label=label, box_xywh=box_of_rle(rle), rle=rle, source_id=name_of(mask))
