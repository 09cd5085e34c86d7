"""Exports that are not quite their format are read as meant, and what was odd is reported once."""

import json
import shutil
from pathlib import Path

import pytest
from exported_folders import COORDINATES_PX, boxes, exported, image_at, index_of, marks_by_class, messages
from truscore.datasets import ReadResult, read_dataset


def read(shared_data: Path, name: str) -> ReadResult:
    return read_dataset(exported(shared_data, name))


def found(reading: ReadResult) -> dict[str, int]:
    counts: dict[str, int] = {}
    for problem in reading.problems:
        counts[problem.code] = counts.get(problem.code, 0) + problem.count
    return counts


@pytest.mark.parametrize(
    ("name", "images", "marks", "problems"),
    [
        ("labelstudio_coco_windows", 3, {"scratch": 3}, {"format.image_elsewhere": 1}),
        ("coco_loose_types", 3, {"scratch": 3}, {"format.values_as_text": 1}),
        ("coco_2017_layout", 16, {"scratch": 8, "dent": 8}, {"format.annotations.left_out": 4}),
        ("coco_cvat_subsets", 16, {"scratch": 8, "dent": 8}, {}),
        ("coco_exif_labelstudio", 12, {"scratch": 6, "dent": 6}, {"format.exif_upright": 1}),
        ("coco_other_case", 12, {"scratch": 6, "dent": 6}, {"format.name_case": 1}),
        ("yolo_six_columns_bom", 3, {"scratch": 3, "dent": 3}, {"label.confidence": 1}),
        ("yolo_custom_yaml", 12, {"scratch": 12, "dent": 12}, {}),
        ("yolo_uppercase_txt", 12, {"scratch": 12, "dent": 12}, {}),
    ],
)
def test_it_is_read_as_meant_and_the_oddity_said_once(
    name: str, images: int, marks: dict[str, int], problems: dict[str, int], shared_data: Path
) -> None:
    reading = read(shared_data, name)
    assert reading.index is not None
    assert len(reading.index.images) == images
    assert marks_by_class(reading.index) == marks
    assert found(reading) == problems


def test_the_short_part_is_named_and_the_good_one_kept(shared_data: Path) -> None:
    reading = read(shared_data, "coco_short_part")
    assert reading.index is not None
    assert found(reading)["label.part_left_out"] == 12
    (mark,) = image_at(reading.index, "images/c0.jpg").annotations
    assert mark.polygons == ((20, 30, 60, 30, 60, 90, 20, 90),)
    assert reading.index.annotation_count == 12


def test_marks_of_two_entries_of_one_image_are_both_read(shared_data: Path) -> None:
    index = index_of(exported(shared_data, "coco_same_name_twice"))
    assert (len(index.images), index.annotation_count) == (12, 24)
    assert boxes(index.images[0].annotations) == [(20, 30, 40, 60), (90, 130, 30, 40)]


def test_boxes_of_turned_photos_lie_on_the_upright_picture(shared_data: Path) -> None:
    index = index_of(exported(shared_data, "coco_exif_labelstudio"))
    image = image_at(index, "images/c0.jpg")
    assert (image.width, image.height) == (160, 224)
    assert boxes(image.annotations) == [(20, 150, 40, 60)]


def test_crowds_are_refused_until_one_line_declares_them_things(shared_data: Path, tmp_path: Path) -> None:
    folder = exported(shared_data, "cvat_coco_all_crowd")
    assert '"crowd": "things"' in messages(read_dataset(folder), "label.all_crowd")[0]
    shutil.copytree(folder, tmp_path / "set")
    (tmp_path / "set/truscore.json").write_text(json.dumps({"crowd": "things"}))
    reading = read_dataset(tmp_path / "set")
    assert reading.problems == ()
    assert reading.index is not None
    assert [mark.crowd for image in reading.index.images for mark in image.annotations] == [False] * 3


def test_capital_folders_and_boxes_of_yolo_are_read(shared_data: Path) -> None:
    index = index_of(exported(shared_data, "yolo_uppercase_folders"))
    assert marks_by_class(index) == {"scratch": 12, "dent": 12}
    assert boxes(image_at(index, "Images/c0.jpg").annotations)[0] == pytest.approx((60, 84, 40, 56), abs=COORDINATES_PX)


def test_polygons_of_yolo_are_read_and_the_masks_drawn_from_them_are_no_images(shared_data: Path) -> None:
    reading = read(shared_data, "yolo_seg_with_masks")
    assert reading.index is not None
    assert (len(reading.index.images), marks_by_class(reading.index)) == (12, {"scratch": 12})
    (mark,) = image_at(reading.index, "images/c0.jpg").annotations
    assert mark.polygons[0] == pytest.approx((40, 56, 80, 56, 80, 112, 40, 112), abs=COORDINATES_PX)
    assert messages(reading, "format.derived_pictures") == [
        "12 masks were left out, such as masks/c0.png: they are no images to train on"
    ]


def test_second_boxes_and_points_of_labelme_3_are_read(shared_data: Path) -> None:
    twice = read(shared_data, "voc_two_boxes_in_object")
    assert twice.index is not None
    assert all(len(image.annotations) >= 2 for image in twice.index.images)
    index = index_of(exported(shared_data, "voc_labelme3"))
    assert boxes(image_at(index, "default/c0.jpg").annotations) == [(20, 30, 40, 60)]
    assert index.annotation_count == 12


def test_labelme_is_read_with_absolute_paths_turned_rectangles_and_a_national_encoding(shared_data: Path) -> None:
    absolute = read(shared_data, "labelme_absolute")
    assert absolute.index is not None
    assert len(absolute.index.images) == absolute.index.annotation_count == 12
    assert found(absolute)["format.image_elsewhere"] == 1
    turned = index_of(exported(shared_data, "labelme_rotation"))
    outline = image_at(turned, "c0.jpg").annotations[0].polygons[0]
    assert outline == pytest.approx((58.8, 97.9, 101.2, 140.3, 87.1, 154.4, 44.6, 112.0), abs=COORDINATES_PX)
    national = read(shared_data, "labelme_gbk")
    assert national.index is not None
    assert len(national.index.images) == 12
    assert "gb18030" in messages(national, "format.encoding")[0]
