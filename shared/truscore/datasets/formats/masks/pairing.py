"""Which masks belong to which image, by their names and the folders that they lie in."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from truscore.datasets.folder_words import IMAGE_FOLDERS, PART_FOLDERS, holds_images, is_good
from truscore.datasets.paths import stem_of, suffix_of
from truscore.datasets.reading.derived_pictures import (
    MASK,
    derived_pictures,
    names_derived,
    original_stem,
    place_of,
    stems_before,
)

MASK_FOLDERS = frozenset(
    {"masks", "mask", "ground_truth", "groundtruth", "gt", "annotations", "labels", "segmentationclass"}
)
_CONTAINERS = MASK_FOLDERS | set(IMAGE_FOLDERS)
_MASK_STEM = re.compile(r"(?P<stem>.+?)[_\-.](?:mask|gt|seg|label|groundtruth)", re.IGNORECASE)
_OTHER_MASK = re.compile(r"segmentationobject|instance[_\-]?ids|colou?rs?(?:[/._\-]|$)|labeltrainids", re.IGNORECASE)
_LOSSLESS = frozenset({".png", ".bmp", ".tif", ".tiff", ".gif"})
_LOSSY = frozenset({".jpg", ".jpeg"})
_COUNTED = re.compile(r"^(?:\d{1,2}|[A-Za-z])[.)]\s+")
_PICTURES = _LOSSLESS | _LOSSY


def mask_by_image(paths: Sequence[str], derived: Mapping[str, str] | None = None) -> dict[str, str]:
    """The mask of each image, "" where there is none; masks are not among the images."""
    derived = derived_pictures(paths) if derived is None else derived
    masks = _masks_among(paths, derived)
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


def masks_by_image(paths: Sequence[str], derived: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """All masks of each image: one, or one for each thing or class that is marked on it."""
    found = {image: [mask] if mask else [] for image, mask in mask_by_image(paths, derived).items()}
    taken = {mask for masks in found.values() for mask in masks}
    free = [mask for mask in sorted(_masks_among(paths, derived)) if mask not in taken and not _OTHER_MASK.search(mask)]
    if free:
        _add_from_folders(found, free)
        _add_by_stem(found, [mask for mask in free if mask not in {one for masks in found.values() for one in masks}])
    return {image: tuple(masks) for image, masks in found.items()}


def mask_class(mask: str, image: str) -> str:
    """The folder of a mask that is not one of its image's: masks/scratch/1.png of images/1.jpg; "" where there is
    none."""
    shared = {name.lower() for name in (*image.split("/")[:-1], stem_of(image))}
    own = (name for name in mask.split("/")[:-1] if not names_derived(name) and not holds_images(name))
    left = [name for name in own if name.lower() not in shared]
    return _COUNTED.sub("", left[-1]) if left else ""


def _masks_among(paths: Sequence[str], derived: Mapping[str, str]) -> list[str]:
    return [path for path in paths if derived.get(path) == MASK or (_is_marked(path) and path not in derived)]


def _add_from_folders(found: dict[str, list[str]], free: Sequence[str]) -> None:
    """Masks in a folder that is called like their image (MVTec LOCO AD) or that belongs to a single image (Data Science
    Bowl 2018: ID/images/ID.png, ID/masks/*.png)."""
    bare = [image for image, masks in found.items() if not masks]
    by_key = _by_key(bare, PART_FOLDERS)
    at_place = Counter(place_of(image.rpartition("/")[0]) for image in found)
    alone = {place: image for image in bare if at_place[place := place_of(image.rpartition("/")[0])] == 1 and place}
    for mask in free:
        folder = mask.rpartition("/")[0]
        images = by_key.get(_key(f"{folder}.png", PART_FOLDERS), ()) if folder else ()
        image = images[0] if len(images) == 1 else alone.get(place_of(folder)) if names_derived(folder) else None
        if image:
            found[image].append(mask)


def _add_by_stem(found: dict[str, list[str]], free: Sequence[str]) -> None:
    """Masks of one image that are numbered, or lie in a folder for each class: 1_mask_0.png; masks/scratch/1.png."""
    by_stem: dict[str, list[str]] = defaultdict(list)
    for image in found:
        by_stem[original_stem(image)].append(image)
    further: dict[str, list[str]] = defaultdict(list)
    for mask in free:
        stem = original_stem(mask)
        images = next((by_stem[one] for one in (stem, *stems_before(stem)) if one in by_stem), [])
        images = [image for image in images if not _is_sound(image)] if len(images) > 1 else images
        if len(images) == 1:
            further[images[0]].append(mask)
    for image, masks in further.items():
        known = found[image] or masks[:1]
        found[image] += [mask for mask in masks if any(_are_kin(mask, other) for other in known)]


def _are_kin(mask: str, other: str) -> bool:
    """Whether two masks can be of different things: two folders called masks and gt hold the same twice."""
    (home, other_home) = (path.rpartition("/")[0] for path in (mask, other))
    if home == other_home:
        return True
    beside = home.rpartition("/")[0] == other_home.rpartition("/")[0]
    return beside and not any(names_derived(folder.rpartition("/")[2]) for folder in (home, other_home))


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
