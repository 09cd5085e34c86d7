"""What a person reads where a dataset cannot be read, or not as it was meant: each message says what is so."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from disk_datasets import coco, codes, entry, mark, only, picture, write_label
from PIL import Image
from truscore.datasets import ReadResult, read_dataset
from truscore.validation import validate_folder

NAMES = ("a.png", "b.png", "c.png")


def pictures(folder: Path) -> None:
    for seed, name in enumerate(NAMES):
        picture(folder / name, seed=seed)


def nearest(reading: ReadResult) -> list[tuple[str, str]]:
    """Where each of the nearest formats failed, and how."""
    return [(one.location, one.message) for one in reading.problems if one.code == "format.nearest"]


def cut_json(folder: Path) -> None:
    coco(folder / "annotations.json", images=[entry()], annotations=[mark()])
    text = json.dumps(json.loads((folder / "annotations.json").read_text()), indent=1)
    (folder / "annotations.json").write_text(text[: len(text) // 2])


def without_images(folder: Path) -> None:
    content = {"categories": [{"id": 1, "name": "card"}], "annotations": [mark()]}
    (folder / "marks.json").write_text(json.dumps(content, indent=1))


def other_names(folder: Path) -> None:
    write_label(folder / "labels/0001.txt", "0 0.5 0.5 0.2 0.2")


def pixels_for_fractions(folder: Path) -> None:
    write_label(folder / "labels/0001.txt", "0 0.5 0.5 0.2 0.2", "0 20 15 10 8")


def other_root(folder: Path) -> None:
    (folder / "a.xml").write_text("<image><filename>a.png</filename><object><name>dent</name></object></image>")


def cut_xml(folder: Path) -> None:
    (folder / "a.xml").write_text("<image>\n<filename>a.png</filename>\n<object>")


def nameless_table(folder: Path) -> None:
    (folder / "table.csv").write_text("number,width\n1,40\n2,40\n")


def table_without_labels(folder: Path) -> None:
    (folder / "table.csv").write_text("filename\na.png\nb.png\n")


@pytest.mark.parametrize(
    ("write", "format", "place", "failed", "change"),
    [
        (cut_json, "coco", "annotations.json#", "not JSON", "mend line"),
        (without_images, "coco", "marks.json#8", "no images", "lists of images (id, file_name"),
        (other_names, "yolo", "labels/0001.txt#1", "no image is called '0001'", "as its image"),
        (pixels_for_fractions, "yolo", "labels/0001.txt#2", "'0 20 15 10 8'", "in fractions"),
        (other_root, "voc", "a.xml#1", "<image>, not <annotation>", "an <annotation> with"),
        (cut_xml, "voc", "a.xml#3", "not XML", "mend line 3"),
        (nameless_table, "csv", "table.csv#1", "number, width", "a column `filename`"),
        (table_without_labels, "csv", "table.csv#1", "say nothing", "a column `label`"),
    ],
)
def test_the_nearest_format_is_named_with_its_file_line_and_the_change_that_helps(
    write: Callable[[Path], None], format: str, place: str, failed: str, change: str, tmp_path: Path
) -> None:
    pictures(tmp_path)
    write(tmp_path)
    reading = read_dataset(tmp_path)
    assert "format.unrecognised" in codes(reading)
    near = nearest(reading)
    assert len(near) == 2
    where, message = near[0]
    assert where.startswith(place)
    assert message.startswith(f"nearest is {format}: ")
    assert failed in message
    assert change in message


def test_images_alone_are_offered_folders_of_classes_and_masks(tmp_path: Path) -> None:
    pictures(tmp_path)
    near = nearest(read_dataset(tmp_path))
    assert [message.split(":")[0] for _, message in near] == ["nearest is folder", "nearest is masks"]


def test_what_was_seen_is_counted_by_kind(tmp_path: Path) -> None:
    pictures(tmp_path)
    other_names(tmp_path)
    found = only(read_dataset(tmp_path), "format.unrecognised")
    assert "4 files (3 .png, 1 .txt), 3 of them named as images" in found


def test_a_format_that_is_not_known_is_told_with_those_that_are(tmp_path: Path) -> None:
    pictures(tmp_path)
    message = only(read_dataset(tmp_path, format="cocoo"), "format.unrecognised")
    assert "format 'cocoo' is not known; accepted are: " in message
    assert "coco, " in message


def test_pixels_that_are_floats_are_refused_by_what_they_are_and_not_called_one_even_tone(tmp_path: Path) -> None:
    pictures(tmp_path)
    shades_HW = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    Image.fromarray(shades_HW).save(tmp_path / "d.tiff")
    coco(tmp_path / "annotations.json", images=[entry(), entry(2, "d.tiff", 64, 64)], annotations=[mark()])
    verdict = validate_folder(tmp_path)
    (found,) = [found for found in verdict.findings if found.location == "d.tiff"]
    assert found.rule == "image.unsupported"
    assert "floating-point numbers from 0." in found.message
    assert "even tone" not in found.message


def test_right_boxes_on_a_turned_photo_are_not_said_to_ignore_its_orientation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(tmp_path / "a.jpg", exif=exif)  # upright it has 30 x 40 pixels
    for size in ((30, 40), (40, 30)):
        coco(tmp_path / "annotations.json", images=[entry(1, "a.jpg", *size)], annotations=[mark(bbox=[2, 32, 20, 6])])
        reading = read_dataset(tmp_path)
        assert "format.exif_ignored" not in codes(reading)
        assert reading.index is not None
        assert reading.index.images[0].annotations[0].box_xywh == (2, 32, 20, 6)


def test_label_files_whose_ending_is_in_capitals_are_those_of_their_images(tmp_path: Path) -> None:
    pictures(tmp_path)
    for name in NAMES:
        write_label(tmp_path / name.upper().replace("PNG", "TXT"), "0 0.5 0.5 0.2 0.2")
    reading = read_dataset(tmp_path)
    assert "format.yolo.label_without_image" not in codes(reading)
    assert reading.index is not None
    assert reading.index.annotation_count == 3


def test_shapes_of_old_labelme_files_have_their_points(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    corners = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((1, 1), (9, 1), (9, 9)))
    (tmp_path / "a.xml").write_text(
        f"<annotation><filename>a.jpg</filename><object><name>dent</name><polygon>{corners}</polygon></object>"
        "<imagesize><nrows>30</nrows><ncols>40</ncols></imagesize></annotation>"
    )
    reading = read_dataset(tmp_path)
    assert codes(reading) == set()
    assert reading.index is not None
    assert reading.index.images[0].annotations[0].polygons == ((1, 1, 9, 1, 9, 9),)


def test_nothing_is_assumed_of_classes_where_no_option_is_named(tmp_path: Path) -> None:
    pictures(tmp_path)
    for name in NAMES:
        write_label(tmp_path / name.replace("png", "txt"), "")
    found = validate_folder(tmp_path).findings
    assert [one.message for one in found if "assumed" in one.message] == []


def test_the_change_that_is_named_makes_the_folder_readable(tmp_path: Path) -> None:
    pictures(tmp_path)
    without_images(tmp_path)
    content = json.loads((tmp_path / "marks.json").read_text())
    (tmp_path / "marks.json").write_text(json.dumps(content | {"images": [entry()]}))
    reading = read_dataset(tmp_path)
    assert reading.index is not None
    assert (reading.index.format, reading.index.annotation_count) == ("coco", 1)
