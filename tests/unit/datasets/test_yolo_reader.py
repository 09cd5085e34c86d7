"""The YOLO reader: layouts, class names, lines."""

from pathlib import Path

import pytest
from disk_datasets import codes, only, picture, write_label
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from truscore.datasets import Limits, read_dataset, recognise_format

BOX = "0 0.5 0.5 0.25 0.2"


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/a.png", "labels/a.txt"),
        ("a.png", "a.txt"),
        ("train/images/a.png", "train/labels/a.txt"),
        ("images/train/a.png", "labels/train/a.txt"),
        ("Images/a.png", "labels/a.txt"),
        ("pics/a.png", "pics/labels/a.txt"),
        ("images/train.png", "labels/train.txt"),
    ],
)
def test_labels_are_found_beside_or_in_their_own_folder(tmp_path: Path, image: str, label: str) -> None:
    picture(tmp_path / image)
    write_label(tmp_path / label, BOX)
    assert recognise_format(tmp_path) == "yolo"
    reading = read_dataset(tmp_path)
    assert codes(reading) == {"format.yolo.no_names"}
    assert reading.index is not None
    (annotation,) = reading.index.images[0].annotations
    assert annotation.box_xywh == pytest.approx((15, 12, 10, 6))
    assert (annotation.label, annotation.source_id, annotation.polygons) == (1, "1", ())


def test_polygons_become_pixels_and_get_a_box(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    write_label(tmp_path / "a.txt", "1 0.1 0.1 0.5 0.1 0.5 0.9", "", BOX)
    reading = read_dataset(tmp_path, class_names=["outer", "inner"])
    assert reading.problems == ()
    assert reading.index is not None
    first, second = reading.index.images[0].annotations
    assert first.polygons[0] == pytest.approx((4, 3, 20, 3, 20, 27))
    assert first.box_xywh == pytest.approx((4, 3, 16, 24))
    assert (first.label, first.source_id, second.source_id) == (2, "1", "3")


def test_fractions_are_of_the_upright_image(tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    picture(tmp_path / "a.jpg", 40, 30, exif=exif)
    write_label(tmp_path / "a.txt", "0 0.5 0.5 1 1")
    index = read_dataset(tmp_path, class_names=["x"]).index
    assert index is not None
    assert index.images[0].annotations[0].box_xywh == pytest.approx((0, 0, 30, 40))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("0 0.5 0.5 0.2", "label.malformed"),
        ("0", "label.malformed"),
        ("0 0.5 0.5 0.2 0.2 0.9", "label.malformed"),
        ("zero 0.5 0.5 0.2 0.2", "label.malformed"),
        ("-1 0.5 0.5 0.2 0.2", "label.malformed"),
        ("0.5 0.5 0.5 0.2 0.2", "label.malformed"),
        ("1e99 0.5 0.5 0.2 0.2", "label.malformed"),
        ("nan 0.5 0.5 0.2 0.2", "label.malformed"),
        ("0 0.5 half 0.2 0.2", "label.malformed"),
        ("0 nan 0.5 0.2 0.2", "label.not_finite"),
        ("0 0.5 inf 0.2 0.2", "label.not_finite"),
        ("0 20 15 10 6", "label.not_normalised"),
        ("0 -0.4 0.5 0.2 0.2", "label.not_normalised"),
        ("0 0.5 0.5 0 0.2", "label.empty_box"),
        ("0 0.1 0.1 0.1 0.2 0.1 0.3", "label.empty_box"),
        ("7 0.5 0.5 0.2 0.2", "label.unknown_category"),
    ],
)
def test_a_faulty_line_is_named_and_the_others_are_read(tmp_path: Path, line: str, code: str) -> None:
    picture(tmp_path / "a.png")
    write_label(tmp_path / "a.txt", line, BOX)
    reading = read_dataset(tmp_path, class_names=["border"])
    assert codes(reading) == {code}
    assert only(reading, code).startswith("a.txt#1: ")
    assert reading.index is not None
    assert reading.index.annotation_count == 1


def test_an_empty_label_file_is_an_image_with_nothing_on_it(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png", seed=1)
    write_label(tmp_path / "a.txt", "")
    write_label(tmp_path / "b.txt", BOX)
    reading = read_dataset(tmp_path, class_names=["x"])
    assert reading.problems == ()


def test_images_without_labels_and_labels_without_images_are_distinguished(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "alone.png")
    picture(tmp_path / "images" / "pair.png", seed=1)
    write_label(tmp_path / "labels" / "pair.txt", BOX)
    write_label(tmp_path / "labels" / "orphan.txt", BOX)
    write_label(tmp_path / "README.txt", "about this set")
    reading = read_dataset(tmp_path, class_names=["x"])
    assert codes(reading) == {"format.yolo.image_without_label", "format.yolo.label_without_image"}
    assert "images/alone.png" in only(reading, "format.yolo.image_without_label")
    assert "labels/orphan.txt" in only(reading, "format.yolo.label_without_image")
    assert reading.index is not None
    assert [len(image.annotations) for image in reading.index.images] == [0, 1]


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("data.yaml", "names: [outer, inner]\nnc: 2", ("outer", "inner")),
        ("data.yaml", "names:\n  0: outer\n  1: inner", ("outer", "inner")),
        ("data.yaml", "names: {0: outer, 2: inner}", ("outer", "class_1", "inner")),
        ("data.yaml", "names: [yes, no]", ("yes", "no")),
        ("data.yaml", "names: {0: On, 1: off}", ("On", "off")),
        ("data.yaml", "names: [010, 1e3, 2024-05-01]", ("010", "1e3", "2024-05-01")),
        ("dataset.yml", "names: [1, no]", ("1", "no")),
        ("classes.txt", "outer\ninner\n\n", ("outer", "inner")),
        ("obj.names", "outer\ninner", ("outer", "inner")),
        ("other.txt", "outer", ("class_0",)),
    ],
)
def test_class_names_come_from_the_files_or_from_numbers(
    tmp_path: Path, name: str, text: str, names: tuple[str, ...]
) -> None:
    picture(tmp_path / "images" / "a.png")
    write_label(tmp_path / "labels" / "a.txt", BOX)
    (tmp_path / name).write_text(text)
    index = read_dataset(tmp_path).index
    assert index is not None
    assert index.class_names == names


def test_given_class_names_win_over_those_of_the_files_and_the_difference_is_reported(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    write_label(tmp_path / "a.txt", BOX)
    (tmp_path / "data.yaml").write_text("names: [outer]")
    reading = read_dataset(tmp_path, class_names=["border"])
    assert codes(reading) == {"format.class_names_differ"}
    assert reading.index is not None
    assert reading.index.class_names == ("border",)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("names: [a, b\n", "format.yolo.invalid_yaml"),
        ("just text", "format.yolo.invalid_yaml"),
        ("names:\n  0: a\n  0: b\n", "format.yolo.invalid_yaml"),
        ("names: [a]\nnc: 1\nnames: [b]\n", "format.yolo.invalid_yaml"),
        ("nc: 1", "format.yolo.invalid_yaml"),
        ("names: &n [a]\nother: *n", "format.yolo.invalid_yaml"),
        ("!!python/object/apply:os.system ['true']", "format.yolo.invalid_yaml"),
        ("names: [a]\nnc: 3", "format.yolo.count_mismatch"),
        ("names: [a, a]", "format.class_name_duplicate"),
        ("names: [a]\ntrain: ../../elsewhere/images", "format.yolo.paths_unresolved"),
        ("names: [a]\ntrain: /data/images", "format.yolo.paths_unresolved"),
        ("names: [a]\ntrain: pictures", "format.yolo.paths_unresolved"),
    ],
)
def test_a_faulty_data_yaml_is_reported_and_the_folders_are_read(tmp_path: Path, text: str, code: str) -> None:
    picture(tmp_path / "images" / "a.png")
    write_label(tmp_path / "labels" / "a.txt", BOX)
    (tmp_path / "data.yaml").write_text(text)
    reading = read_dataset(tmp_path)
    assert code in codes(reading)
    assert reading.index is not None
    assert reading.index.annotation_count == 1


def test_a_data_yaml_whose_paths_lead_into_the_dataset_is_not_complained_about(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    write_label(tmp_path / "labels" / "a.txt", BOX)
    (tmp_path / "data.yaml").write_text("train: images\nval: ./images\nnames: [a]")
    assert read_dataset(tmp_path).problems == ()


def test_a_label_file_that_is_large_or_no_text_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "a.txt").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\r")
    picture(tmp_path / "b.png", seed=1)
    write_label(tmp_path / "b.txt", *[BOX] * 20)
    reading = read_dataset(tmp_path, format="yolo", limits=Limits(label_file_bytes=100))
    problems = {problem.location for problem in reading.problems if problem.code == "format.yolo.label_unreadable"}
    assert problems == {"a.txt", "b.txt"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.text(st.characters(codec="utf-8"), max_size=20)
        | st.lists(st.floats() | st.integers(-2, 3), max_size=9).map(lambda values: " ".join(map(str, values))),
        max_size=4,
    ),
    yaml=st.text(st.characters(codec="utf-8"), max_size=40),
)
def test_no_text_makes_the_reader_raise(tmp_path: Path, lines: list[str], yaml: str) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "data.yaml").write_text(yaml, encoding="utf-8")
    reading = read_dataset(tmp_path, format="yolo")
    assert reading.index is not None
    for annotation in reading.index.images[0].annotations:
        assert 1 <= annotation.label <= len(reading.index.class_names)
        assert annotation.box_xywh[2] > 0
