"""Image folders, CSV tables and DeepPCB pairs."""

from pathlib import Path
from typing import Any

import pytest
from disk_datasets import codes, only, picture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from truscore.datasets import CODES, DatasetIndex, Declaration, Limits, read_dataset, recognise_format
from truscore.datasets.formats.class_folders.reader import class_by_image


def pictures(root: Path, *paths: str) -> Path:
    for number, path in enumerate(paths):
        picture(root / path, seed=number)
    return root


def table(root: Path, *lines: str, name: str = "labels.csv") -> Path:
    pictures(root, "a.png", "b.png", "c.png")
    (root / name).write_text("\n".join(lines) + "\n")
    return root


def index_of(root: Path, **how: Any) -> DatasetIndex:
    index = read_dataset(root, **how).index
    assert index is not None
    return index


def stated(index: DatasetIndex) -> dict[str, list[str] | None]:
    return {
        image.path: None if image.labels is None else [index.class_names[label - 1] for label in image.labels]
        for image in index.images
    }


@pytest.mark.parametrize(
    ("paths", "classes"),
    [
        (["psa1/a.jpg", "psa10/b.jpg"], ["psa1", "psa10"]),
        (["MT_A/Imgs/a.jpg", "MT_B/Imgs/b.jpg"], ["MT_A", "MT_B"]),
        (["train/cat/a.jpg", "test/dog/b.jpg"], ["cat", "dog"]),
        (["set/v1/cat/a.jpg", "set/v1/dog/deep/b.jpg"], ["cat", "dog"]),
        (["cat/a.jpg", "b.jpg"], ["cat", ""]),
        (["only/a.jpg", "only/b.jpg"], ["only", "only"]),
        (["cat/a.jpg", "cat/deep/b.jpg", "cat/deeper/c.jpg"], ["cat", "cat", "cat"]),
        (["Training_Set/cat/a.jpg", "test-set/dog/b.jpg", "val2017/dog/c.jpg"], ["cat", "dog", "dog"]),
        (["batch_1/dent/a.jpg", "batch_1/tear/b.jpg", "batch_2/dent/c.jpg"], ["dent", "tear", "dent"]),
        (["2024-05-01/dent/a.jpg", "2024-05-02/dent/b.jpg", "2024-05-02/tear/c.jpg"], ["dent", "dent", "tear"]),
        (["north/psa 8/a.jpg", "south/psa 9/b.jpg"], ["psa 8", "psa 9"]),
        (
            ["psa 9/115903532229/1.jpg", "psa 9/115903540148/1.jpg", "psa 10/115903532300/1.jpg"],
            ["psa 9", "psa 9", "psa 10"],
        ),
        (
            ["dent/front/a.jpg", "dent/back/b.jpg", "tear/front/c.jpg", "tear/back/d.jpg"],
            ["dent", "dent", "tear", "tear"],
        ),
        (
            ["psa 9/5511/1.jpg", "psa 8/5512/1.jpg", "psa 8/5513/1.jpg", "psa 9/5514/1.jpg", "11590/1.jpg"],
            ["psa 9", "psa 8", "psa 8", "psa 9", ""],
        ),
        (["raw/a.jpg", "graded/b.jpg"], ["raw", "graded"]),
        (["raw/dent/a.jpg", "raw/tear/b.jpg"], ["dent", "tear"]),
    ],
)
def test_the_class_is_the_outermost_folder_that_distinguishes_images(paths: list[str], classes: list[str]) -> None:
    assert list(class_by_image(paths).values()) == classes


TWO_LEVELS = ["north/dent/a.png", "north/tear/b.png", "south/dent/c.png", "south/tear/d.png"]


def test_where_folders_of_two_levels_could_be_the_classes_both_readings_are_named(tmp_path: Path) -> None:
    root = pictures(tmp_path, *TWO_LEVELS)
    ambiguous = only(read_dataset(root), "format.ambiguous")
    assert "north, south (outer) or dent, tear (inner)" in ambiguous
    (root / "truscore.json").write_text('{"format": "folder", "classes": ["dent", "tear"]}')
    reading = read_dataset(root)
    assert not [found for found in reading.problems if found.code == "format.ambiguous"]
    assert reading.index is not None
    assert stated(reading.index)["south/dent/c.png"] == ["dent"]


def test_one_folder_that_is_called_a_grade_is_a_class(tmp_path: Path) -> None:
    index = index_of(pictures(tmp_path, "psa10/a.png", "psa10/b.png"))
    assert (index.format, index.class_names) == ("folder", ("psa10",))


def test_endings_of_jpeg_and_bmp_that_are_seldom_are_images(tmp_path: Path) -> None:
    root = pictures(tmp_path, "a/1.png", "b/2.png")
    with Image.open(root / "a" / "1.png") as picture:
        for name in ("a/3.jfif", "a/4.pjpeg", "b/5.pjp"):
            picture.convert("RGB").save(root / name, format="JPEG")
        picture.convert("RGB").save(root / "b" / "6.dib", format="BMP")
    assert len(index_of(root).images) == 6


def test_folders_are_classes_and_grades_rise(tmp_path: Path) -> None:
    root = pictures(tmp_path, "psa10/a.png", "psa9.5/b.png", "psa2/c.png")
    assert recognise_format(root) == "folder"
    index = index_of(root)
    assert (index.class_names, index.grades) == (("psa2", "psa9.5", "psa10"), (2.0, 9.5, 10.0))
    assert [image.labels for image in index.images] == [(3,), (1,), (2,)]


def test_an_image_beside_the_class_folders_is_reported_and_stays_unlabelled(tmp_path: Path) -> None:
    reading = read_dataset(pictures(tmp_path, "a/1.png", "b/2.png", "b/3.png", "loose.png"))
    assert only(reading, "format.folder.no_class").startswith("loose.png: ")
    assert reading.index is not None
    assert stated(reading.index)["loose.png"] is None


@pytest.mark.parametrize(
    "paths",
    [
        ["one/a.png", "one/b.png"],
        ["images/a.png", "train/b.png"],
        ["A_1/A_Up.png", "A_1/A_Down.png", "B_1/B_Up.png", "B_1/B_Down.png"],
    ],
)
def test_folders_that_are_no_classes_are_not_taken_for_some(tmp_path: Path, paths: list[str]) -> None:
    assert recognise_format(pictures(tmp_path, *paths)) == ""


def test_folders_beside_a_list_of_lights_are_not_classes(tmp_path: Path) -> None:
    root = pictures(tmp_path, "gray/a.png", "buddha/b.png")
    (root / "lights.txt").write_text("1\n0 0 1\n")
    assert recognise_format(root) == ""


def test_a_table_of_labels_and_scores_is_read(tmp_path: Path) -> None:
    root = table(tmp_path, "image,condition,sharpness", "a.png,LP,0.5", "b.png,NM,0.25", "c.png,HP,")
    assert recognise_format(root) == "csv"
    index = index_of(root)
    assert (index.class_names, index.grades) == (("HP", "LP", "NM"), (3.0, 9.0, 12.0))
    assert stated(index) == {"a.png": ["LP"], "b.png": ["NM"], "c.png": ["HP"]}
    assert [image.scores for image in index.images] == [(("sharpness", 0.5),), (("sharpness", 0.25),), ()]


@pytest.mark.parametrize("separator", ["|", ";", ","])
def test_several_labels_in_one_field_are_several(tmp_path: Path, separator: str) -> None:
    index = index_of(
        table(tmp_path, "image;damage".replace(";", ","), f'a.png,"dent{separator} scratch"', "b.png,none")
    )
    assert stated(index) == {"a.png": ["dent", "scratch"], "b.png": []}


def test_a_column_of_zeros_and_ones_for_each_class_is_several_labels(tmp_path: Path) -> None:
    index = index_of(table(tmp_path, "path,scratch,dent", "a.png,1,1", "b.png,0,0", "c.png,,"))
    assert stated(index) == {"a.png": ["dent", "scratch"], "b.png": [], "c.png": None}


def test_declared_words_are_ordinals(tmp_path: Path) -> None:
    root = table(tmp_path, "image,label", "a.png,fine", "b.png,poor")
    index = index_of(root, declaration=Declaration(grades={"fine": 2.0, "poor": 1.0}))
    assert (index.class_names, index.grades) == (("poor", "fine"), (1.0, 2.0))


def test_boxes_of_a_table_are_read_with_their_declared_size(tmp_path: Path) -> None:
    root = table(
        tmp_path,
        "filename,width,height,class,xmin,ymin,xmax,ymax",
        "a.png,40,30,king,1,2,11,22",
        "a.png,40,30,ace,0,0,5,5",
        "b.png,30,40,ace,0,0,5,5",
        "c.png,40,30,,,,,",
    )
    reading = read_dataset(root)
    assert codes(reading) == {"format.size_swapped"}
    assert reading.index is not None
    assert [mark.box_xywh for mark in reading.index.images[0].annotations] == [(1, 2, 10, 20), (0, 0, 5, 5)]
    assert [image.labels for image in reading.index.images] == [None, None, ()]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("a.png,40,30,king,1,2,1,22", "label.empty_box"),
        ("a.png,40,30,king,1,2,x,22", "label.malformed"),
        ("a.png,40,30,,1,2,9,22", "label.malformed"),
        ("a.png,40,30,king,1,2,9", "format.csv.row"),
    ],
)
def test_a_faulty_box_of_a_table_is_reported_by_its_line(tmp_path: Path, line: str, code: str) -> None:
    head = "filename,width,height,class,xmin,ymin,xmax,ymax"
    reading = read_dataset(table(tmp_path, head, "b.png,40,30,king,1,2,9,9", line))
    assert only(reading, code).startswith("labels.csv#3: ")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    root = table(tmp_path, delimiter.join(("image", "label")), delimiter.join(("a.png", "dent")))
    assert stated(index_of(root))["a.png"] == ["dent"]


def test_images_are_named_by_address_or_in_other_letters(tmp_path: Path) -> None:
    root = table(tmp_path, "url,label", "https://shop.example/x/A.PNG?size=1,dent", "https://[/gone.png,dent")
    reading = read_dataset(root, format="csv")
    assert "'gone.png'" in only(reading, "format.image_missing")
    assert reading.index is not None
    assert [image.path for image in reading.index.images] == ["a.png"]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("image,label", "a.png,", "b.png,dent"), "format.csv.label_missing"),
        (("image,label,score:s", "a.png,dent,high"), "format.csv.value"),
        (("image,label", "a.png,dent", "a.png,scratch"), "format.duplicate_image"),
        (("image,label", "a.png,dent", "../../etc/z.png,dent"), "format.path_escape"),
        (("image,label,remark", "a.png,dent,is old"), "format.csv.column_unused"),
    ],
)
def test_what_is_wrong_with_a_row_is_named(tmp_path: Path, lines: tuple[str, ...], code: str) -> None:
    assert code in codes(read_dataset(table(tmp_path, *lines)))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'image,label\n"a.png,dent', b"image,label\n" + b"a" * 200_000])
def test_a_file_that_is_no_table_is_reported(tmp_path: Path, content: bytes) -> None:
    root = table(tmp_path, "image,label", "a.png,dent")
    (root / "odd.csv").write_bytes(content)
    assert codes(read_dataset(root, format="csv")) == {"format.csv.unreadable", "format.image_unlisted"}


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.sampled_from('a.png,;|\t"\n01x:/[?'), max_size=60))
def test_any_text_gives_an_index_or_the_reason_why_there_is_none(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = table(tmp_path_factory.mktemp("table"), "image,label")
    (root / "labels.csv").write_text("image,label\na.png,dent\n" + text)
    reading = read_dataset(root, format="csv", limits=Limits(workers=1))
    assert reading.index is not None or codes(reading) & {"format.csv.unreadable", "format.csv.missing", "format.empty"}
    assert codes(reading) <= CODES.keys()


def boards(root: Path, *lines: str) -> Path:
    pictures(root, "g/1/10001_test.png", "g/1/10001_temp.png", "g/1/10002_test.png", "g/1/10002_temp.png")
    (root / "g/1_not").mkdir(parents=True)
    (root / "g/1_not/10001.txt").write_text("\n".join(lines))
    return root


def test_boards_are_read_without_their_templates(tmp_path: Path) -> None:
    root = boards(tmp_path, "1 2 11 12 3", "5,6,15,16,6")
    assert recognise_format(root) == "deeppcb"
    reading = read_dataset(root)
    assert codes(reading) == {"format.deeppcb.templates", "format.image_unlisted", "label.unused_category"}
    assert reading.index is not None
    (image,) = reading.index.images
    assert [(mark.label, mark.box_xywh) for mark in image.annotations] == [(3, (1, 2, 10, 10)), (6, (5, 6, 10, 10))]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("1 2 11 12 9", "label.unknown_category"),
        ("1 2 11 12", "label.malformed"),
        ("a b c d e", "label.malformed"),
        ("1 2 1 12 1", "label.empty_box"),
    ],
)
def test_a_faulty_line_of_a_board_is_reported(tmp_path: Path, line: str, code: str) -> None:
    assert only(read_dataset(boards(tmp_path, "1 2 11 12 3", line)), code).startswith("g/1_not/10001.txt#2: ")
