"""Real datasets, sound and broken, read as they are. Skipped where they are not beside the repository."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from disk_datasets import codes
from truscore.datasets import (
    annotation_mask,
    hamming,
    index_digest,
    load_image,
    read_dataset,
    recognise_format,
    split_dataset,
)


def test_scans_of_real_cards(shared_data: Path) -> None:
    root = shared_data / "truscore_card_borders_yolo" / "combined_dual_class"
    reading = read_dataset(root, class_names=["outer_border", "graphical_border"])
    assert reading.problems == ()
    index = reading.index
    assert index is not None
    assert (index.format, len(index.images), index.annotation_count) == ("yolo", 33, 66)
    for image in index.images[::8]:
        outer, inner = sorted(image.annotations, key=lambda annotation: annotation.label)
        outside, inside = (annotation_mask(mark, image.height, image.width) for mark in (outer, inner))
        assert (inside <= outside).mean() > 0.99
    looks = {Path(image.path).stem: image.perceptual_hash for image in index.images}
    assert hamming(looks["Test004"], looks["Test005"]) <= 6
    split = split_dataset(index, seed=0)
    parts = [{Path(path).stem for path in part} for part in (split.train, split.validation, split.test)]
    assert sum(bool(part & {"Test004", "Test005", "Test006"}) for part in parts) == 1
    assert list(map(len, parts)) == pytest.approx([23, 5, 5], abs=2)


def test_the_digest_does_not_depend_on_where_the_dataset_lies(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "fruitsnuts_coco"
    shutil.copytree(source, tmp_path / "copy")
    first, second = read_dataset(source).index, read_dataset(tmp_path / "copy").index
    assert first is not None
    assert second is not None
    assert index_digest(first) == index_digest(second)


@pytest.mark.parametrize(
    ("folder", "format", "classes", "images", "annotations", "found"),
    [
        ("fruitsnuts_coco", "coco", 3, 18, 165, set()),
        ("car_damage_coco", "coco", 8, 106, 254, {"label.unused_category"}),
        ("jenga_yolo_seg", "yolo", 1, 16, 129, {"format.yolo.paths_unresolved"}),
    ],
)
def test_sound_datasets_are_recognised_and_counted(
    shared_data: Path, folder: str, format: str, classes: int, images: int, annotations: int, found: set[str]
) -> None:
    assert recognise_format(shared_data / folder) == format
    reading = read_dataset(shared_data / folder)
    assert codes(reading) == found
    assert reading.index is not None
    counted = (len(reading.index.class_names), len(reading.index.images), reading.index.annotation_count)
    assert counted == (classes, images, annotations)


def test_augmented_copies_share_their_group_and_existing_parts_are_kept(shared_data: Path) -> None:
    index = read_dataset(shared_data / "jenga_yolo_seg").index
    assert index is not None
    copies = Counter(image.group for image in index.images if image.path.startswith("train/"))
    assert sorted(copies.values()) == [3, 3, 3, 3]
    split = split_dataset(index, seed=0)
    assert (len(split.train), len(split.validation), len(split.test)) == (12, 4, 0)


@pytest.mark.parametrize(
    ("folder", "code", "times"),
    [
        ("coco_swapped_width_height", "format.size_swapped", 3),
        ("coco_swapped_width_height", "format.image_missing", 5),
        ("coco_wrapped_truscore", "format.coco.wrapped", 2),
        ("yolo_image_without_label", "format.yolo.image_without_label", 1),
        ("yolo_image_without_label", "format.yolo.paths_unresolved", 3),
        ("lfs_pointers", "image.lfs_pointer", 4),
        ("exif_orientation_mpo", "image.several_pictures", 1),
    ],
)
def test_a_broken_dataset_is_reported_by_its_real_defect(shared_data: Path, folder: str, code: str, times: int) -> None:
    found = Counter(problem.code for problem in read_dataset(shared_data / "broken" / folder).problems)
    assert found[code] == times


def test_an_image_with_nothing_marked_on_it_is_kept_without_annotations(shared_data: Path) -> None:
    index = read_dataset(shared_data / "broken" / "coco_unlabelled_image").index
    assert index is not None
    assert sorted(bool(image.annotations) for image in index.images) == [False, True, True]


def test_a_phone_picture_upside_down_is_turned(shared_data: Path) -> None:
    path = shared_data / "broken" / "exif_orientation_mpo" / "IMG_2869.JPG"
    from PIL import Image

    with Image.open(path) as stored:
        assert stored.getexif()[0x0112] == 3
        upper_left = stored.convert("RGB").getpixel((0, 0))
    assert tuple(load_image(path)[-1, -1]) == upper_left


def test_label_sets_whose_images_are_links_turned_to_text_are_not_recognised(shared_data: Path) -> None:
    reading = read_dataset(shared_data / "truscore_card_borders_yolo" / "outer_border_model")
    assert codes(reading) - {"format.nearest"} == {"format.unrecognised", "format.link_as_text"}
