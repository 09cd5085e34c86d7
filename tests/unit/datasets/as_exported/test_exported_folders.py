"""Folders by class as collectors lay them out: which level is the class, and which is something else."""

from pathlib import Path

import pytest
from exported_folders import exported, images_by_class, index_of, messages
from truscore.datasets import read_dataset, split_dataset


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("folders_training_set", {"psa8", "psa9"}),
        ("folders_batches", {"psa8", "psa9"}),
        ("folders_listings", {"psa 8", "psa 9", "psa 10"}),
        ("folders_one_grade", {"psa10"}),
        ("folders_raw_vs_graded", {"raw", "graded"}),
    ],
)
def test_the_class_is_the_folder_that_is_meant(shared_data: Path, name: str, classes: set[str]) -> None:
    index = index_of(exported(shared_data, name))
    assert index.format == "folder"
    assert set(images_by_class(index)) == classes
    unlabelled = [image.path for image in index.images if image.labels is None]
    assert all(path.split("/")[1].isdecimal() for path in unlabelled)  # listings beside the grades, without one
    assert len(unlabelled) == (3 if name == "folders_listings" else 0)


def test_parts_are_those_that_the_folders_name(shared_data: Path) -> None:
    index = index_of(exported(shared_data, "folders_training_set"))
    split = split_dataset(index, seed=0)
    assert all(path.startswith("test_set/") for path in split.test)
    assert not any(path.startswith("test_set/") for path in (*split.train, *split.validation))


def test_jpegs_of_another_ending_are_images(shared_data: Path) -> None:
    folder = exported(shared_data, "folders_jfif")
    written = [path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jfif", ".png", ".pjpeg", ".dib"}]
    assert len(index_of(folder).images) == len(written)


def test_words_of_yaml_are_class_names(shared_data: Path) -> None:
    assert set(index_of(exported(shared_data, "yolo_yes_no")).class_names) == {"yes", "no"}


def test_a_key_that_stands_twice_is_refused_by_name(shared_data: Path) -> None:
    reading = read_dataset(exported(shared_data, "yolo_yaml_same_key"))
    assert any("is there twice" in message for message in messages(reading, "format.yolo.invalid_yaml"))


def test_masks_of_numbered_parts_are_of_one_class(shared_data: Path) -> None:
    index = index_of(exported(shared_data, "masks_kolektor"))
    assert (index.class_names, index.annotation_count) == (("defect",), 8)
