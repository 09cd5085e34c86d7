"""Annotations as tools export them are read as they were drawn."""

from pathlib import Path

import pytest
from exported_folders import COORDINATES_PX, exported, image_at, index_of, marks_by_class


def near(*values: float) -> object:
    return pytest.approx(values, abs=COORDINATES_PX)


def test_cvat_has_turned_boxes_and_polygons(shared_data: Path) -> None:
    index = index_of(exported(shared_data, "cvat_images_xml"))
    assert (index.format, len(index.images)) == ("cvat", 3)
    assert marks_by_class(index) == {"scratch": 3, "dent": 3}
    turned, polygon = image_at(index, "images/card_0.png").annotations
    assert turned.polygons[0] == near(47.34, 44.91, 142.18, 76.64, 132.66, 105.09, 37.82, 73.36)
    assert polygon.polygons[0] == near(200, 200, 260, 210, 250, 280)


def test_label_studio_has_percent_of_the_image(shared_data: Path) -> None:
    index = index_of(exported(shared_data, "labelstudio_json"))
    assert (index.format, len(index.images)) == ("label_studio", 3)
    assert marks_by_class(index) == {"scratch": 3, "dent": 3}
    box, polygon = image_at(index, "images/card_0.png").annotations
    assert box.box_xywh == near(32, 44.8, 64, 44.8)
    assert polygon.polygons[0] == near(160, 224, 192, 232.96, 176, 291.2)


def test_run_lengths_go_down_the_columns_from_1(shared_data: Path) -> None:
    index = index_of(exported(shared_data, "csv_severstal"))
    assert (index.format, len(index.images), index.annotation_count) == ("run_lengths", 12, 12)
    assert (index.class_names, index.grades) == (("1", "2", "3"), ())
    mark = index.images[0].annotations[0]
    # The first run begins at pixel 4511 of columns of 224: column 20, row 30; the last is 40 columns on.
    assert mark.box_xywh == (20, 30, 40, 40)


def test_via_has_polygons_and_its_table_boxes(shared_data: Path) -> None:
    index = index_of(exported(shared_data, "via_polygons"))
    assert marks_by_class(index) == {"scratch": 3}
    assert image_at(index, "card_0.jpg").annotations[0].polygons[0] == near(10, 10, 60, 12, 50, 70)
    index = index_of(exported(shared_data, "csv_via"))
    assert (index.format, marks_by_class(index)) == ("via", {"scratch": 12})
    assert image_at(index, "img_001.jpg").annotations[0].box_xywh == near(21, 30, 40, 60)
