"""The CVAT reader: every kind of shape, tags, tracks, and what is refused by name."""

from pathlib import Path

import pytest
from disk_datasets import codes, only, picture
from tool_files import CVAT_BOX, cvat_xml, pictures
from truscore.datasets import Annotation, ReadResult, annotation_mask, read_dataset, recognise_format


def read(folder: Path, *elements: str, more: str = "", labels: str = "scratch dent") -> ReadResult:
    pictures(folder, "images/a.png", "images/b.png")
    (folder / "annotations.xml").write_text(cvat_xml(*elements, more=more, labels=labels))
    return read_dataset(folder)


def mark(folder: Path, element: str) -> Annotation:
    reading = read(folder, element)
    assert codes(reading) <= {"label.unused_category"}
    assert reading.index is not None
    (found,) = reading.index.images[0].annotations
    return found


def test_classes_stand_in_the_order_of_the_task(tmp_path: Path) -> None:
    index = read(tmp_path, CVAT_BOX).index
    assert index is not None
    assert index.class_names == ("scratch", "dent")
    assert index.images[0].annotations[0].label == 2


def test_a_turned_box_is_the_polygon_of_its_corners(tmp_path: Path) -> None:
    found = mark(tmp_path, '<box label="dent" xtl="10" ytl="10" xbr="20" ybr="14" rotation="90"/>')
    assert found.polygons[0] == pytest.approx((17, 7, 17, 17, 13, 17, 13, 7))
    assert found.box_xywh == pytest.approx((13, 7, 4, 10))


def test_an_ellipse_is_an_outline(tmp_path: Path) -> None:
    found = mark(tmp_path, '<ellipse label="dent" cx="20" cy="15" rx="8" ry="4" rotation="90"/>')
    assert found.box_xywh == pytest.approx((16, 7, 8, 16))


def test_a_mask_lies_where_its_corner_says_row_by_row(tmp_path: Path) -> None:
    found = mark(tmp_path, '<mask label="dent" rle="1, 2, 1, 2" left="5" top="6" width="3" height="2"/>')
    mask_HW = annotation_mask(found, 30, 40)
    assert [(int(x), int(y)) for y, x in zip(*mask_HW.nonzero(), strict=True)] == [(6, 6), (7, 6), (6, 7), (7, 7)]


@pytest.mark.parametrize(
    ("element", "shape", "points"),
    [
        ('<polyline label="dent" points="1,2;3,4;5,2"/>', "linestrip", (1, 2, 3, 4, 5, 2)),
        ('<points label="dent" points="1,2"/>', "point", (1, 2)),
        ('<points label="dent" points="1,2;3,4"/>', "points", (1, 2, 3, 4)),
        (
            '<skeleton label="dent"><points label="1" outside="0" points="1,2"/><points label="2" outside="1" '
            'points="9,9"/></skeleton>',
            "points",
            (1, 2),
        ),
    ],
)
def test_strokes_and_points_are_kept_as_drawn(
    tmp_path: Path, element: str, shape: str, points: tuple[float, ...]
) -> None:
    found = mark(tmp_path, element)
    assert (found.shape, found.points) == (shape, points)


def test_tags_are_labels_of_the_whole_image(tmp_path: Path) -> None:
    index = read(tmp_path, '<tag label="psa9"/>', labels="psa8 psa9 psa10").index
    assert index is not None
    assert [image.labels for image in index.images] == [(2,), None]
    assert index.grades == (8.0, 9.0, 10.0)


@pytest.mark.parametrize(
    ("element", "code"),
    [
        ('<cuboid label="dent" xtl1="1"/>', "label.kind_unread"),
        ('<box label="dent" xtl="a" ytl="6" xbr="15" ybr="14"/>', "label.malformed"),
        ('<box xtl="5" ytl="6" xbr="15" ybr="14"/>', "label.malformed"),
        ('<box label="dent" xtl="15" ytl="6" xbr="5" ybr="14"/>', "label.empty_box"),
        ('<polygon label="dent" points="1,2;3,4"/>', "label.short_polygon"),
        ('<polygon label="dent" points="1,2;3"/>', "label.malformed"),
        ('<mask label="dent" rle="1" left="39" top="6" width="3" height="2"/>', "label.mask_size"),
        ('<mask label="dent" rle="1, 2" left="5" top="6" width="3" height="2"/>', "label.invalid_rle"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_rest_is_read(tmp_path: Path, element: str, code: str) -> None:
    reading = read(tmp_path, element, CVAT_BOX)
    assert "annotations.xml#" in only(reading, code)
    assert reading.index is not None
    assert reading.index.annotation_count == 1


def test_tracks_of_a_video_mark_their_frames(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / f"images/frame_{number:06}.png", seed=number)
    box = 'xtl="5" ytl="6" xbr="15" ybr="14"'
    (tmp_path / "annotations.xml").write_text(
        "<annotations><meta><job><labels><label><name>dent</name></label></labels></job><original_size><width>40</width>"
        "<height>30</height></original_size></meta><track id='0' label='dent'>"
        f"<box frame='0' outside='0' {box}/><box frame='1' outside='1' {box}/><box frame='2' outside='0' {box}/>"
        "</track></annotations>"
    )
    reading = read_dataset(tmp_path)
    assert reading.problems == ()
    assert reading.index is not None
    assert [len(image.annotations) for image in reading.index.images] == [1, 0, 1]


@pytest.mark.parametrize(
    "text",
    ['<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "<annotations><image>", "<annotations>" * 99],
)
def test_hostile_or_broken_xml_is_reported(tmp_path: Path, text: str) -> None:
    pictures(tmp_path, "a.png")
    (tmp_path / "a.xml").write_text(text)
    assert recognise_format(tmp_path) == "cvat"
    assert "format.annotations.unreadable" in codes(read_dataset(tmp_path))
