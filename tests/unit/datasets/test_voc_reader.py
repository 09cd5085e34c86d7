"""The Pascal VOC reader: layouts, names, sizes, hostile XML."""

from pathlib import Path

import pytest
from disk_datasets import codes, only, picture
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.datasets import Limits, ReadResult, read_dataset, recognise_format


def box(name: str = "scratch", sides: str = "5 6 15 14") -> str:
    edges = zip(("xmin", "ymin", "xmax", "ymax"), sides.split(), strict=True)
    bounds = "".join(f"<{tag}>{value}</{tag}>" for tag, value in edges)
    return f"<object><name>{name}</name><bndbox>{bounds}</bndbox></object>"


def voc(path: Path, *objects: str, name: str = "a.jpg", width: object = 40, height: object = 30) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    size = f"<size><width>{width}</width><height>{height}</height><depth>1</depth></size>"
    path.write_text(f"<annotation><filename>{name}</filename>{size}{''.join(objects)}</annotation>")
    return path


def read(root: Path, **how: object) -> ReadResult:
    return read_dataset(root, format="voc", **how)


def test_boxes_are_read_as_written_with_classes_in_natural_order(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    voc(tmp_path / "a.xml", box("type10"), box("type2", "0.5 1 40 30"))
    reading = read(tmp_path)
    assert recognise_format(tmp_path) == "voc"
    assert reading.problems == ()
    assert reading.index is not None
    assert reading.index.class_names == ("type2", "type10")
    first, second = reading.index.images[0].annotations
    assert (first.label, first.box_xywh, first.source_id) == (2, (5.0, 6.0, 10.0, 8.0), "1")
    assert second.box_xywh == (0.5, 1.0, 39.5, 29.0)


def test_polygons_of_exports_are_read(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    corners = "".join(f"<x{n}>{x}</x{n}><y{n}>{y}</y{n}>" for n, (x, y) in enumerate([(1, 2), (9, 2), (5, 8)], 1))
    voc(tmp_path / "a.xml", f"<object><name>a</name><polygon>{corners}</polygon></object>")
    index = read(tmp_path).index
    assert index is not None
    (mark,) = index.images[0].annotations
    assert (mark.polygons, mark.box_xywh) == (((1.0, 2.0, 9.0, 2.0, 5.0, 8.0),), (1.0, 2.0, 8.0, 6.0))


@pytest.mark.parametrize(
    ("image", "annotation", "written", "code"),
    [
        ("a.jpg", "a.xml", "a.jpg", ""),
        ("a.JPG", "a.xml", "a.jpg", "format.name_case"),
        ("IMAGES/a.jpg", "ANNOTATIONS/a.xml", "a.jpg", ""),
        ("JPEGImages/a.jpg", "Annotations/a.xml", "a.jpg", ""),
        ("Validation_Images/a.jpg", "Validation_Annotations/a.xml", "a.jpg", ""),
        ("train/images/a.jpg", "train/annotations/a.xml", "a.jpg", ""),
        ("sub/a.jpg", "xml/a.xml", "sub\\a.jpg", ""),
        ("IMAGES/a.jpg", "ANNOTATIONS/a.xml", "a", "format.filename_bare"),
        ("a.jpg", "a.xml", "b.png", "format.filename_other"),
        ("a.jpg", "a.xml", "C:\\cards\\a.jpg", "format.image_elsewhere"),
        ("a.jpg", "a.xml", "/home/me/cards/a.jpg", "format.image_elsewhere"),
        ("a.jpg", "a.xml", "../../a.jpg", "format.image_elsewhere"),
        ("a.jpg", "a.xml", "../../b.jpg", "format.path_escape"),
        ("a b.jpg", "a.xml", "a%20b.jpg", "format.name_encoded"),
        ("a.jpg", "a.xml", "/data/upload/4/cb0618f0-a.jpg", "format.image_elsewhere"),
        ("sub/a.jpg", "a.xml", "/data/local-files/?d=sub%2Fa.jpg", "format.image_elsewhere"),
        ("a.jpg", "x.xml", "b.jpg", "format.image_missing"),
        ("OmarVizquel_1.jpg", "x.xml", "OmarVisquel_1.jpg", "format.name_mismatch"),
        ("card_1.jpg", "x.xml", "card_2.jpg", "format.image_missing"),
    ],
)
def test_the_image_is_found_where_such_datasets_have_it(
    tmp_path: Path, image: str, annotation: str, written: str, code: str
) -> None:
    picture(tmp_path / image)
    picture(tmp_path / "other/z.jpg", seed=1)
    voc(tmp_path / "other/z.xml", box(), name="z.jpg")
    voc(tmp_path / annotation, box(), name=written)
    reading = read(tmp_path)
    assert codes(reading) - {"format.image_unlisted"} == ({code} if code else set())
    found = {entry.path for entry in reading.index.images} if reading.index else set()
    assert (image in found) == (code not in {"format.path_escape", "format.image_missing", "format.name_mismatch"})


def test_an_image_of_that_name_in_the_sister_folder_is_meant_where_several_have_it(tmp_path: Path) -> None:
    for folder in ("JPEGImages", "Sent"):
        picture(tmp_path / folder / "a.jpg")
    voc(tmp_path / "Annotations/a.xml", box())
    reading = read(tmp_path)
    assert codes(reading) == {"format.image_unlisted"}
    (tmp_path / "JPEGImages/a.jpg").rename(tmp_path / "JPEGImages/b.jpg")
    picture(tmp_path / "more/a.jpg")
    assert "format.image_ambiguous" in codes(read(tmp_path))


def test_a_file_that_names_no_image_is_about_the_one_called_like_it(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "a.xml").write_text(f"<annotation>{box()}</annotation>")
    assert codes(read(tmp_path)) == {"format.filename_other", "format.size_missing"}


@pytest.mark.parametrize(
    ("width", "height", "code"),
    [(30, 40, "format.size_swapped"), (20, 15, "format.size_mismatch"), ("", 30, "format.size_missing")],
)
def test_a_declared_size_that_is_not_the_images_is_reported(
    tmp_path: Path, width: object, height: object, code: str
) -> None:
    picture(tmp_path / "a.jpg")
    voc(tmp_path / "a.xml", box(), width=width, height=height)
    assert codes(read(tmp_path)) == {code}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (box(sides="5 6 5 14"), "label.empty_box"),
        (box(sides="15 6 5 14"), "label.empty_box"),
        (box(sides="x 6 15 14"), "label.malformed"),
        (box(sides="nan 6 15 14"), "label.not_finite"),
        (box(name=""), "label.malformed"),
        ("<object><name>a</name></object>", "label.malformed"),
        ("<object><name>a</name><polygon><x1>1</x1><y1>1</y1></polygon></object>", "label.short_polygon"),
    ],
)
def test_a_faulty_object_is_reported_by_its_number_and_the_rest_is_read(
    tmp_path: Path, content: str, code: str
) -> None:
    picture(tmp_path / "a.jpg")
    voc(tmp_path / "a.xml", box(), content)
    reading = read(tmp_path)
    assert only(reading, code).startswith("a.xml#2: ")
    assert reading.index is not None
    assert reading.index.annotation_count == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<annotation>",
        '<!DOCTYPE a [<!ENTITY x "y">]><annotation>&x;</annotation>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>',
        "<annotation>" * 100_000,
        '<?xml version="1.0" encoding="no-such-code"?><annotation/>',
    ],
)
def test_hostile_or_broken_xml_is_reported_and_its_image_kept_out(tmp_path: Path, text: str) -> None:
    for name in ("a", "b"):
        picture(tmp_path / f"{name}.jpg")
        voc(tmp_path / f"{name}.xml", box(), name=f"{name}.jpg")
    (tmp_path / "a.xml").write_text(text)
    reading = read(tmp_path)
    assert codes(reading) == {"format.voc.invalid_xml", "format.image_unlisted"}
    assert reading.index is not None
    assert [image.path for image in reading.index.images] == ["b.jpg"]


def test_an_object_with_two_boxes_is_two(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    voc(tmp_path / "a.xml", box().replace("</object>", "") + box(sides="20 6 30 14").partition("</name>")[2])
    index = read(tmp_path).index
    assert index is not None
    assert [mark.box_xywh for mark in index.images[0].annotations] == [(5, 6, 10, 8), (20, 6, 10, 8)]


LABELME_3 = (
    "<object><name>scratch</name><deleted>{deleted}</deleted><type>{kind}</type><polygon><pt><x>5</x><y>6</y></pt>"
    "<pt><x>15</x><y>6</y></pt><pt><x>15</x><y>14</y></pt><pt><x>5</x><y>14</y></pt></polygon></object>"
)


def test_points_of_labelme_3_are_polygons_or_boxes_and_deleted_objects_are_said(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    kinds = [("0", "polygon"), ("0", "bounding_box"), ("1", "polygon")]
    marked = "".join(LABELME_3.format(deleted=deleted, kind=kind) for deleted, kind in kinds)
    size = "<imagesize><nrows>30</nrows><ncols>40</ncols></imagesize>"
    (tmp_path / "a.xml").write_text(f"<annotation><filename>a.jpg</filename>{size}{marked}</annotation>")
    reading = read(tmp_path)
    assert codes(reading) == {"format.annotations.left_out"}
    assert reading.index is not None
    polygon, box_mark = reading.index.images[0].annotations
    assert polygon.polygons == ((5.0, 6.0, 15.0, 6.0, 15.0, 14.0, 5.0, 14.0),)
    assert (box_mark.polygons, box_mark.box_xywh) == ((), (5.0, 6.0, 10.0, 8.0))


def test_a_turned_box_of_rolabelimg_is_a_polygon(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    sides = "<cx>15</cx><cy>12</cy><w>10</w><h>4</h><angle>1.5707963</angle>"
    voc(tmp_path / "a.xml", f"<object><name>a</name><robndbox>{sides}</robndbox></object>")
    index = read(tmp_path).index
    assert index is not None
    assert index.images[0].annotations[0].box_xywh == pytest.approx((13, 7, 4, 10), abs=1e-4)


def test_objects_and_points_are_bounded(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    voc(tmp_path / "a.xml", *[box()] * 9)
    reading = read(tmp_path, limits=Limits(annotations_per_image=3))
    assert reading.index is not None
    assert (codes(reading), reading.index.annotation_count) == ({"label.too_many"}, 3)


def test_class_order_is_that_given_else_that_listed(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    voc(tmp_path / "a.xml", box("b"), box("a"))
    given_names = read(tmp_path, class_names=["b", "c", "a"]).index
    assert given_names is not None
    assert given_names.class_names == ("b", "c", "a")
    differing = read(tmp_path, class_names=["b"])
    assert "['a']" in only(differing, "format.class_names_differ")
    (tmp_path / "labelmap.pbtxt").write_text("item {\n id: 2\n name: 'a'\n}\nitem {\n id: 1\n name: 'b'\n}\n")
    listed = read(tmp_path).index
    assert listed is not None
    assert listed.class_names == ("b", "a")


def test_two_files_about_one_image_are_reported_and_the_first_is_used(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    voc(tmp_path / "a.xml", box())
    voc(tmp_path / "b.xml", box(), box())
    reading = read(tmp_path)
    assert codes(reading) == {"format.duplicate_image"}
    assert reading.index is not None
    assert reading.index.annotation_count == 1


@settings(max_examples=30, deadline=None)
@given(text=st.text(max_size=60) | st.sampled_from([box(), "<object/>", "<size><width>-1</width></size>", "&#0;"]))
def test_no_text_makes_the_voc_reader_raise(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("voc")
    picture(root / "a.jpg")
    (root / "a.xml").write_text(f"<annotation><filename>a.jpg</filename>{text}</annotation>", errors="replace")
    reading = read(root)
    assert reading.index is not None or reading.problems
