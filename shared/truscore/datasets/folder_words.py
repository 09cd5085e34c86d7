"""What people call the folders that hold images of every class: parts of a split, and places for images."""

from __future__ import annotations

import re
from functools import lru_cache

from truscore.datasets.paths import name_of

IMAGE_FOLDERS = ("images", "jpegimages", "imgs", "img", "image", "photos")
_WORDS_OF_PARTS = {
    "train": ("train", "training", "trainset", "train_set", "training_set", "train_data", "training_data", "trn"),
    "validation": (
        *("valid", "val", "validation", "validate", "dev", "devel", "development", "valset", "val_set"),
        *("valid_set", "validation_set", "dev_set", "val_data", "valid_data", "validation_data"),
    ),
    "test": (
        *("test", "testing", "eval", "evaluation", "holdout", "hold_out", "testset", "test_set", "testing_set"),
        *("eval_set", "evaluation_set", "test_data", "testing_data"),
    ),
}
PARTS = tuple(_WORDS_OF_PARTS)
_PART_OF = {word: part for part, words in _WORDS_OF_PARTS.items() for word in words}
_NUMBERED_PART = re.compile(r"(?P<word>train|val|test)[_\- ]?(?:\d{4}|images?|imgs?)")
# What people did to images before they laid them into a folder: images_prepped_train.
_HANDLED = frozenset({"prepped", "resized", "cropped", "aligned", "original", "originals", "orig"})
_COUNTED = re.compile(r"^(?:\d{1,2}|[a-z])[.)]\s+")  # a. Training Set
# Classes whose images show what is sound.
GOOD_CLASSES = frozenset(
    {"good", "ok", "free", "normal", "clean", "none", "sound", "no_defect", "no_defects", "defect_free"}
    | {"nodefect", "nodefects", "non_defective"}
)
_OF_IMAGES = re.compile(r"[_\- ](?:images?|imgs?)$")
BOTH_PARTS = frozenset({"trainval", "train_val"})
PART_FOLDERS = frozenset(_PART_OF) | BOTH_PARTS
# `raw` and `data` are classes where their siblings are: they hold images of every class only above other folders.
CONTAINER_FOLDERS = PART_FOLDERS | {"data", "dataset", "raw"} | set(IMAGE_FOLDERS)


def is_good(name: str) -> bool:
    """Whether a class means that there is nothing to mark: MT_Free, good, ..."""
    word = _OF_IMAGES.sub("", name.lower())
    return word in GOOD_CLASSES or word.rpartition("_")[2] in GOOD_CLASSES


@lru_cache(4096)
def holds_images(folder: str) -> bool:
    """Whether a folder's name says nothing but that images lie in it, and of which part: `images_prepped_train`."""
    words = re.split(r"[_\- ]+", _COUNTED.sub("", folder.strip().lower()))
    return (
        folder.lower() in CONTAINER_FOLDERS
        or bool(part_named_by(folder))
        or all(word in CONTAINER_FOLDERS or word in _HANDLED or part_named_by(word) for word in words)
    )


def part_of_folders(path: str) -> str:
    """The part that a folder above the file names, the outermost such folder first; "" where none does."""
    return next((part for folder in path.split("/")[:-1] if (part := part_meant_by(folder))), "")


def part_meant_by(word: str) -> str:
    """As `part_named_by`, with `trainval` as training: what is trained and chosen on."""
    return part_named_by(word) or ("train" if word.strip().lower() in BOTH_PARTS else "")


@lru_cache(4096)  # asked of each image by each reader and by six rules
def part_named_by(folder: str) -> str:
    """The part of a split that a folder's name means, "" for none: `training_set`, `Train`, `train2017` are train."""
    word = re.sub(r"[\s\-]+", "_", _COUNTED.sub("", name_of(folder).strip().lower()))
    if match := _NUMBERED_PART.fullmatch(word):
        word = match["word"]
    return _PART_OF.get(word, "")
