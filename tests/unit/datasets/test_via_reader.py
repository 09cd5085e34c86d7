"""The reader of the VGG Image Annotator: projects, exports, tables; every kind of region."""

import json
from pathlib import Path
from typing import Any

import pytest
from disk_datasets import codes, only
from tool_files import as_json, pictures, via_region
from truscore.datasets import Annotation, ReadResult, read_dataset, recognise_format


def read(folder: Path, *regions: Any, attributes: Any = None) -> ReadResult:
    pictures(folder, "a.png")
    image = {"filename": "a.png", "size": 9, "regions": list(regions), "file_attributes": attributes or {}}
    as_json(folder / "via.json", {"_via_settings": {}, "_via_img_metadata": {"a.png9": image}, "_via_attributes": {}})
    assert recognise_format(folder) == "via"
    return read_dataset(folder)


def mark(folder: Path, **shape: Any) -> Annotation:
    reading = read(folder, via_region(**shape))
    assert reading.problems == ()
    assert reading.index is not None
    (found,) = reading.index.images[0].annotations
    return found


def test_every_kind_of_region_is_read(tmp_path: Path) -> None:
    polygon = mark(tmp_path / "1", name="polygon", all_points_x=[1, 9, 5], all_points_y=[2, 2, 8])
    assert polygon.polygons == ((1.0, 2.0, 9.0, 2.0, 5.0, 8.0),)
    circle = mark(tmp_path / "2", name="circle", cx=20, cy=15, r=5)
    assert (circle.shape, circle.box_xywh) == ("circle", (15.0, 10.0, 10.0, 10.0))
    ellipse = mark(tmp_path / "3", name="ellipse", cx=20, cy=15, rx=8, ry=4, theta=1.5707963)
    assert ellipse.box_xywh == pytest.approx((16, 7, 8, 16), abs=0.01)
    line = mark(tmp_path / "4", name="polyline", all_points_x=[1, 9], all_points_y=[2, 2])
    assert (line.shape, line.points) == ("linestrip", (1.0, 2.0, 9.0, 2.0))
    assert mark(tmp_path / "5", name="point", cx=3, cy=4).points == (3.0, 4.0)


def test_the_first_release_numbers_its_regions(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    as_json(tmp_path / "via.json", {"a": {"fileref": "", "filename": "a.png", "regions": {"0": via_region()}}})
    index = read_dataset(tmp_path).index
    assert index is not None
    assert index.annotation_count == 1


def test_the_attribute_that_is_called_so_names_the_class_and_the_others_are_said(tmp_path: Path) -> None:
    both = via_region() | {"region_attributes": {"remark": "old", "Class": {"dent": True, "crease": False}}}
    reading = read(tmp_path, both)
    assert reading.index is not None
    assert reading.index.class_names == ("dent",)
    assert "remark" in only(reading, "format.annotations.left_out")


def test_regions_without_attributes_are_of_one_class(tmp_path: Path) -> None:
    reading = read(tmp_path, via_region() | {"region_attributes": {}})
    assert reading.index is not None
    assert (reading.index.class_names, reading.index.annotation_count) == (("region",), 1)


def test_an_attribute_of_the_file_may_be_its_class(tmp_path: Path) -> None:
    index = read(tmp_path, attributes={"class": "psa9", "caption": "mine"}).index
    assert index is not None
    assert index.images[0].labels == (1,)


def test_a_table_has_a_row_for_each_region(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    shape = json.dumps(via_region()["shape_attributes"]).replace('"', '""')
    (tmp_path / "via.csv").write_text(
        "#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
        f'a.png,9,"{{}}",1,0,"{shape}","{{""type"":""dent""}}"\nb.png,9,"{{}}",0,0,"{{}}","{{}}"\nb.png,9,"{{}}",1,0,x,"{{}}"\n'
    )
    reading = read_dataset(tmp_path)
    assert codes(reading) == {"format.annotations.structure"}
    assert reading.index is not None
    assert [len(image.annotations) for image in reading.index.images] == [1, 0]


@pytest.mark.parametrize(
    ("region", "code"),
    [
        (via_region(name="star"), "label.kind_unread"),
        (via_region(name="rect", x="q", y=1, width=1, height=1), "label.malformed"),
        (via_region(name="polygon", all_points_x=[1, 2], all_points_y=[1]), "label.malformed"),
        (via_region(name="polygon", all_points_x=[1, 2], all_points_y=[1, 2]), "label.short_polygon"),
        (via_region() | {"region_attributes": {}}, "label.malformed"),
        (3, "format.annotations.structure"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_rest_is_read(tmp_path: Path, region: Any, code: str) -> None:
    reading = read(tmp_path, via_region(), region)
    assert code in codes(reading)
    assert reading.index is not None
    assert reading.index.annotation_count == 1


def project3(folder: Path, **marks: object) -> None:
    """A project of VIA 3 with these marks: the id of a view and the numbers of a shape."""
    pictures(folder, "a.png", "b.png")
    content = {
        "project": {"pid": "__VIA_PROJECT_ID__", "vid_list": ["1", "2"]},
        "attribute": {"1": {"aname": "class", "anchor_id": "FILE1_Z0_XY1", "options": {"0": "dent", "1": "stain"}}},
        "file": {key: {"fid": key, "fname": name, "type": 2} for key, name in (("1", "a.png"), ("2", "b.png"))},
        "metadata": {
            key: {"vid": view, "flg": 0, "z": [], "xy": numbers, "av": {"1": option}}
            for key, (view, numbers, option) in marks.items()
        },
        "view": {"1": {"fid_list": ["1"]}, "2": {"fid_list": ["2"]}},
    }
    as_json(folder / "via_project.json", content)


def test_marks_of_a_via_3_project_are_read_with_the_words_of_their_options(tmp_path: Path) -> None:
    marks = {"x": ("1", [2, 5, 6, 10, 8], "0"), "y": ("2", [7, 1, 1, 9, 1, 9, 9], "1"), "z": ("2", [3, 20, 15, 5], "0")}
    project3(tmp_path, **marks)
    reading = read_dataset(tmp_path)
    assert codes(reading) == set()
    index = reading.index
    assert index is not None
    assert (index.format, index.class_names) == ("via", ("dent", "stain"))
    first, second = index.images
    assert [mark.box_xywh for mark in first.annotations] == [(5, 6, 10, 8)]
    assert second.annotations[0].polygons == ((1, 1, 9, 1, 9, 9),)
    assert second.annotations[1].box_xywh == pytest.approx((15, 10, 10, 10), abs=0.01)


def test_marks_of_a_via_3_project_that_cannot_be_read_are_named_each(tmp_path: Path) -> None:
    sound = ("1", [2, 5, 6, 10, 8], "0")
    project3(tmp_path, a=sound, b=("9", [2, 1, 1, 2, 2], "0"), c=("1", [8, 1, 1, 2, 2], "0"), d=("1", [2, 1], "0"))
    reading = read_dataset(tmp_path)
    assert reading.index is not None
    assert reading.index.annotation_count == 1
    assert {"format.annotations.structure", "label.kind_unread", "label.malformed"} <= codes(reading)
