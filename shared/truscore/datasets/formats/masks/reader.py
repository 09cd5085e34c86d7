"""The image-and-mask reader: a picture of what is marked for each image, beside it or in a folder of masks."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from truscore.datasets.folder_words import IMAGE_FOLDERS, PART_FOLDERS, is_good
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
from truscore.datasets.index.records import Annotation, ImageRecord
from truscore.datasets.paths import name_of, stem_of, suffix_of
from truscore.datasets.reading.build_index import Annotate, ImageLabels, build_read_result, unreadable_dataset
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.derived_pictures import MASK, derived_pictures, names_derived, original_stem
from truscore.datasets.reading.mask_file import JPEG_THRESHOLD, binarise, binarise_lossy
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.shapes.masks import mask_to_rle
from truscore.datasets.shapes.parse import BadShape, box_of_rle

MASK_FOLDERS = frozenset(
    {"masks", "mask", "ground_truth", "groundtruth", "gt", "annotations", "labels", "segmentationclass"}
)
_CONTAINERS = MASK_FOLDERS | set(IMAGE_FOLDERS)
# Numbered folders of these names are classes (DAGM 2007: Class1, Class2, ...); others, from so many on, ids of things.
_CLASS_WORDS = frozenset({"class", "type", "category", "defect", "damage", "label", "grade", "psa", "bgs", "sgc", ""})
_LEAST_IDS = 3
_MASK_STEM = re.compile(r"(?P<stem>.+?)[_\-.](?:mask|gt|seg|label|groundtruth)", re.IGNORECASE)
_OTHER_MASK = re.compile(r"segmentationobject|instance[_\-]?ids|colou?rs?(?:[/._\-]|$)|labeltrainids", re.IGNORECASE)
_LOSSLESS = frozenset({".png", ".bmp", ".tif", ".tiff", ".gif"})
_LOSSY = frozenset({".jpg", ".jpeg"})
_PICTURES = _LOSSLESS | _LOSSY
ONLY_CLASS = "defect"


def recognise_masks(context: ReaderContext) -> bool:
    """Whether most images have a mask, or some have one whose name or folder says that it is a mask."""
    derived = context.folder.derived
    pairs = mask_by_image(context.folder.pictures, derived)
    found = [mask for mask in pairs.values() if mask]
    return bool(found) and (2 * len(found) >= len(pairs) or any(mask in derived for mask in found))


def read_masks(context: ReaderContext) -> ReadResult:
    """Read images with what their masks mark; the class is that of the folder, or of the mask's values if declared."""
    pairs, declaration = mask_by_image(context.folder.pictures, context.folder.derived), context.declaration
    if not any(pairs.values()):
        return unreadable_dataset(context, "format.masks.missing", "no image has a mask")
    context.files_read.update(filter(None, pairs.values()))
    manner = manner_of(context, tuple(filter(None, pairs.values())))
    if manner.lossy and not manner.refusal:
        text = f"masks are JPEG: pixels above {JPEG_THRESHOLD} were taken as marked; declare a mask_threshold"
        context.log.add("label.mask_not_binary", text)
    if manner.has_classes or declaration.mask_values == CLASSES:
        by_image = dict.fromkeys(pairs, "")
        classes = ClassList(names=manner.names.names or context.class_names)
    else:
        by_image = classes_of(tuple(pairs), context.class_names or declaration.classes)
        used = {name for name in by_image.values() if not is_good(name)}
        classes = class_list(context, used, graded=False)
    reader = _MaskReader(context=context, classes=classes, manner=manner)
    marks: dict[str, Annotate] = {path: partial(reader.read, mask, by_image[path]) for path, mask in pairs.items()}
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


def mask_by_image(paths: Sequence[str], derived: Mapping[str, str] | None = None) -> dict[str, str]:
    """The mask of each image, "" where there is none; masks are not among the images."""
    derived = derived_pictures(paths) if derived is None else derived
    masks = [path for path in paths if derived.get(path) == MASK or (_is_marked(path) and path not in derived)]
    images = sorted(set(paths) - set(masks) - derived.keys())
    if not masks:
        return _pairs_beside(images)
    pairs = dict.fromkeys(images, "")
    free = set(masks)
    # Most sets repeat the images' folders under the masks' one; some leave out which part it is.
    for ignored in (frozenset[str](), PART_FOLDERS):
        found = _by_key(sorted(free), ignored)
        for key, members in _by_key([path for path in images if not pairs[path]], ignored).items():
            of_classes = _of_classes(found.get(key, ()))
            if len(members) == len(of_classes) == 1:
                pairs[members[0]] = of_classes[0]
                free.discard(of_classes[0])
    _pair_by_folder(pairs, free)
    _pair_by_stem(pairs, free)
    return pairs


def _is_sound(path: str) -> bool:
    return any(map(is_good, path.split("/")[:-1]))


def _pair_by_folder(pairs: dict[str, str], free: Collection[str]) -> None:
    """For masks in a folder that is called like their image (MVTec LOCO AD): ground_truth/dent/000/000.png."""
    inside: dict[str, list[str]] = defaultdict(list)
    for mask in sorted(free):
        inside[f"{mask.rpartition('/')[0]}.png"].append(mask)
    found = _by_key(list(inside), PART_FOLDERS)
    for key, members in _by_key([path for path in pairs if not pairs[path]], PART_FOLDERS).items():
        masks = [mask for folder in found.get(key, ()) for mask in inside[folder]]
        if len(members) == len(masks) == 1:
            pairs[members[0]] = masks[0]


def _pair_by_stem(pairs: dict[str, str], free: Collection[str]) -> None:
    """For masks whose folders have names of their own: an image and a mask that share their stem with no other."""
    masks: dict[str, list[str]] = defaultdict(list)
    images: dict[str, list[str]] = defaultdict(list)
    for mask in sorted(free):
        masks[original_stem(mask)].append(mask)
    for image in pairs:
        images[original_stem(image)].append(image)
    for stem, found in images.items():
        # A sound image may have the number of a damaged one: normal/000, abnormal/000, mask/000.
        members = [path for path in found if not _is_sound(path)] if len(found) > 1 else found
        of_classes = _of_classes(masks.get(stem, ()))
        if len(members) == len(of_classes) == 1 and not pairs[members[0]]:
            pairs[members[0]] = of_classes[0]


def _of_classes(masks: Sequence[str]) -> list[str]:
    """Without those that say the same in colours, or which pixels are one thing: SegmentationObject, instanceIds."""
    if len(masks) < 2:
        return list(masks)
    return [mask for mask in masks if not _OTHER_MASK.search(mask)] or list(masks)


def _pairs_beside(images: Sequence[str]) -> dict[str, str]:
    """NAME.jpg with NAME.png: the lossless one is the mask."""
    pairs = dict.fromkeys(images, "")
    for members in _by_key(images, frozenset()).values():
        lossy = [path for path in members if suffix_of(path) in _LOSSY]
        if len(members) == 2 and len(lossy) == 1:
            (mask,) = set(members) - set(lossy)
            pairs[lossy[0]] = mask
            del pairs[mask]
    return pairs


def _by_key(paths: Sequence[str], ignored: frozenset[str]) -> dict[tuple[str, ...], list[str]]:
    found: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path in paths:
        found[_key(path, ignored)].append(path)
    return found


def _key(path: str, ignored: frozenset[str]) -> tuple[str, ...]:
    """What an image and its mask have in common."""
    stem = stem_of(path)
    match = _MASK_STEM.fullmatch(stem)
    stem = match["stem"] if match else stem
    # A mask may keep the image's whole name: 1.jpg, 1.jpg.png.
    stem = stem_of(stem) if suffix_of(stem) in _PICTURES else stem
    return (*_shared_folders(path.rpartition("/")[0], ignored), stem.lower())


@lru_cache(maxsize=4096)
def _shared_folders(folder: str, ignored: frozenset[str]) -> tuple[str, ...]:
    names = (name.lower() for name in folder.split("/") if name and not names_derived(name))
    return tuple(name for name in names if name not in ignored and name not in _CONTAINERS)


def _is_marked(path: str) -> bool:
    in_folder = any(part.lower() in MASK_FOLDERS for part in path.split("/")[:-1])
    return suffix_of(path) in _LOSSLESS and (in_folder or _MASK_STEM.fullmatch(stem_of(path)) is not None)


def classes_of(paths: Sequence[str], class_names: Sequence[str]) -> dict[str, str]:
    """The class of each image by its folder; one class for all where no folder is a class."""
    by_image = class_by_image(paths)
    if not any(by_image.values()) or (not class_names and _are_ids(set(by_image.values()))):
        return dict.fromkeys(paths, class_names[0] if len(class_names) == 1 else ONLY_CLASS)
    return {path: name or ONLY_CLASS for path, name in by_image.items()}


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

    def read(self, mask: str, name: str, record: ImageRecord) -> tuple[Annotation, ...]:
        """`name` is the class of the folder; empty where the mask's values are the classes."""
        if not mask:
            if not is_good(name):
                self.context.log.add("format.masks.image_without_mask", "there is no mask for this image", record.path)
            return ()
        if self.context.dry_run:
            return ()
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
