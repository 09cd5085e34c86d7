"""Tables as people write them: headings, scores, boxes, grades and names, read as meant or refused by name."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from disk_datasets import codes, only, picture
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.datasets import DatasetIndex, Declaration, Limits, ReadResult, read_dataset

WIDTH, HEIGHT = 80, 60


def table(root: Path, *lines: str, images: int = 6, encoding: str = "utf-8", name: str = "table.csv") -> Path:
    for number in range(images):
        picture(root / f"card{number}.png", WIDTH, HEIGHT, seed=number)
    (root / name).write_bytes("\n".join(lines).encode(encoding))
    return root


def read(root: Path, **how: Any) -> tuple[ReadResult, DatasetIndex]:
    reading = read_dataset(root, format="csv", **how)
    assert reading.index is not None, reading.problems
    return reading, reading.index


def labels(index: DatasetIndex) -> list[str]:
    return ["|".join(index.class_names[label - 1] for label in image.labels or ()) for image in index.images]


def rows(*values: str) -> list[str]:
    return [f"card{number}.png,{value}" for number, value in enumerate(values)]


def test_a_first_line_of_words_that_recur_below_is_data(tmp_path: Path) -> None:
    reading, index = read(table(tmp_path, *rows("dent", "scratch", "dent", "scratch", "dent", "dent")))
    assert labels(index) == ["dent", "scratch", "dent", "scratch", "dent", "dent"]
    assert "format.csv.columns_by_values" in codes(reading)


def test_a_column_of_grades_under_an_unknown_heading_is_the_label(tmp_path: Path) -> None:
    reading, index = read(table(tmp_path, "scan,verdict", *rows("8", "9", "8", "9", "8", "9")))
    assert index.grades == (8.0, 9.0)
    assert "verdict" in only(reading, "format.csv.columns_by_values")


@pytest.mark.parametrize(
    "heading", ["file_size", "region_count", "ClassCount", "price", "lot_id", "x", "year", "Preis", "image_width"]
)
def test_numbers_that_describe_the_file_or_the_table_are_no_scores(tmp_path: Path, heading: str) -> None:
    values = (f"{number}.5,{('bad', 'good')[number % 2]}" for number in range(6))
    reading, index = read(table(tmp_path, f"filename,{heading},label", *rows(*values)))
    assert not any(image.scores for image in index.images)
    assert heading in only(reading, "format.csv.column_unused")


def test_a_column_is_a_score_where_it_is_declared_so(tmp_path: Path) -> None:
    values = (f"{number},{('bad', 'good')[number % 2]}" for number in range(100, 106))
    root = table(tmp_path, "filename,price,label", *rows(*values))
    _, index = read(root, declaration=Declaration(scores=("price",)))
    assert index.images[0].scores == (("price", 100.0),)


def test_sub_grades_are_scores_and_shares_of_the_borders_too(tmp_path: Path) -> None:
    values = (f'{number % 2 + 8},"55/45",9.5,8,{number % 3 + 7}' for number in range(6))
    _, index = read(table(tmp_path, "filename,Grade,Centering,Corners,Edges,Surface", *rows(*values)))
    assert dict(index.images[0].scores) == {"Centering": 55.0, "Corners": 9.5, "Edges": 8.0, "Surface": 7.0}
    assert index.grades == (8.0, 9.0)


BOX = (10.0, 12.0, 30.0, 20.0)


@pytest.mark.parametrize(
    ("heading", "numbers"),
    [
        ("xmin,ymin,xmax,ymax", "10,12,40,32"),
        ("x1,y1,x2,y2", "10,12,40,32"),
        ("x0,y0,x1,y1", "10,12,40,32"),
        ("left,top,right,bottom", "10,12,40,32"),
        ("bbox_x1,bbox_y1,bbox_x2,bbox_y2", "10,12,40,32"),
        ("xtl,ytl,xbr,ybr", "10,12,40,32"),
        ("x,y,w,h", "10,12,30,20"),
        ("x,y,width,height", "10,12,30,20"),
        ("bbox_x,bbox_y,bbox_width,bbox_height", "10,12,30,20"),
        ("xmin,ymin,width,height", "10,12,30,20"),
        ("left,top,width,height", "10,12,30,20"),
        ("cx,cy,w,h", "25,22,30,20"),
        ("x_center,y_center,width,height", "0.3125,0.366666667,0.375,0.333333333"),
        ("XMin,YMin,XMax,YMax", "0.125,0.2,0.5,0.533333333"),
    ],
)
def test_boxes_are_read_in_each_manner_of_writing(tmp_path: Path, heading: str, numbers: str) -> None:
    lines = [f"card{number}.png,{numbers},dent" for number in range(6)]
    _, index = read(table(tmp_path, f"filename,{heading},label", *lines))
    assert [mark.box_xywh for image in index.images for mark in image.annotations] == [pytest.approx(BOX, abs=0.01)] * 6


@pytest.mark.parametrize("written", ["[10, 12, 40, 32]", "10 12 40 32", "(10,12,40,32)"])
def test_a_box_in_one_field_is_read(tmp_path: Path, written: str) -> None:
    lines = [f'card{number}.png,"{written}",dent' for number in range(5)]
    other = 'card5.png,"[40, 30, 79, 59]",dent'  # as a size it would leave the image
    _, index = read(table(tmp_path, "image_id,bbox,label", *lines, other))
    assert index.images[0].annotations[0].box_xywh == BOX
    assert index.images[5].annotations[0].box_xywh == (40, 30, 39, 29)


def test_corners_under_the_headings_of_sizes_are_read_as_corners_and_that_is_reported(tmp_path: Path) -> None:
    lines = [f"card{number}.png,{40 + number},{30 + number},79,59,dent" for number in range(6)]
    reading, index = read(table(tmp_path, "filename,x,y,w,h,label", *lines))
    assert index.images[0].annotations[0].box_xywh == (40, 30, 39, 29)
    assert "two corners" in only(reading, "format.csv.boxes_by_values")


def test_boxes_that_could_be_either_are_left_out_until_declared(tmp_path: Path) -> None:
    root = table(tmp_path, *[f"card{number}.png,10,12,20,22,dent" for number in range(6)])
    reading, index = read(root)
    assert (index.annotation_count, "format.csv.boxes_undecided" in codes(reading)) == (0, True)
    (root / "truscore.json").write_text('{"boxes": "xywh"}')
    _, index = read(root)
    assert index.images[0].annotations[0].box_xywh == (10, 12, 20, 22)


def test_the_width_of_the_image_is_not_that_of_a_box(tmp_path: Path) -> None:
    lines = [f"card{number}.png,80,60,dent,10,12,40,32" for number in range(6)]
    reading, index = read(table(tmp_path, "filename,width,height,class,xmin,ymin,xmax,ymax", *lines))
    assert (codes(reading), index.annotation_count) == (set(), 6)


@pytest.mark.parametrize("word", ["NA", "n/a", "-", "none", "ungraded", "#N/A", "nan", "unknown", "AUTH"])
def test_a_word_for_no_grade_leaves_the_others_grades(tmp_path: Path, word: str) -> None:
    reading, index = read(table(tmp_path, "filename,grade", *rows("8", "9", word, "10", "8", word)))
    assert index.grades == (8.0, 9.0, 10.0)
    assert [image.labels for image in index.images] == [(1,), (2,), None, (3,), (1,), None]
    assert "format.csv.label_missing" in codes(reading)


def test_grades_of_several_graders_are_one_scale_with_the_grader_kept(tmp_path: Path) -> None:
    lines = rows("9,PSA", "9.5,BGS", "96,SGC", "MINT 9,CGC", "8 (OC),PSA", "8,PSA")
    _, index = read(table(tmp_path, "filename,grade,company", *lines))
    assert (index.class_names, index.grades) == (("8", "9", "9.5"), (8.0, 9.0, 9.5))
    assert [image.written_grade for image in index.images] == [
        "PSA 9",
        "BGS 9.5",
        "SGC 96",
        "CGC MINT 9",
        "PSA 8 (OC)",
        "PSA 8",
    ]


def test_commas_list_labels_only_where_the_column_shows_it(tmp_path: Path) -> None:
    names = rows('"corner, sharp"', '"corner, soft"', '"corner, sharp"', '"corner, soft"')
    assert read(table(tmp_path, "filename,label", *names))[1].class_names == ("corner, sharp", "corner, soft")
    lists = rows('"dent, scratch"', '"scratch"', '"dent, scratch"', "dent")
    assert read(table(tmp_path, "filename,label", *lists))[1].class_names == ("dent", "scratch")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_a_table_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    lines = [f"card{number}.png;{('grün', 'weiß')[number % 2]};9,5" for number in range(6)]
    reading, index = read(table(tmp_path, "Datei;Klasse;Oberfläche", *lines, encoding=encoding))
    assert (index.class_names, index.images[0].scores) == (("grün", "weiß"), (("Oberfläche", 9.5),))
    assert ("format.encoding" in codes(reading)) == (not encoding.startswith("utf-8"))


def test_the_line_that_excel_names_its_delimiter_in_is_no_heading(tmp_path: Path) -> None:
    _, index = read(table(tmp_path, "sep=;", "Datei;Note", "card0.png;8,5", "card1.png;9"))
    assert index.grades == (8.5, 9.0)


def test_a_card_is_named_by_its_folder_or_by_what_its_images_begin_with(tmp_path: Path) -> None:
    for card in range(4):
        for side in ("front", "back"):
            picture(tmp_path / f"scans/c{card}/{side}.png", seed=2 * card + (side == "back"))
    (tmp_path / "g.csv").write_text("id,grade\n" + "".join(f"c{card},{card % 2 + 8}\n" for card in range(4)))
    _, index = read(tmp_path)
    assert [image.labels for image in index.images] == [(1,), (1,), (2,), (2,)] * 2
    assert len({image.group for image in index.images}) == 4


def test_columns_of_both_sides_are_about_one_card(tmp_path: Path) -> None:
    lines = ["front,back,grade", "card0.png,card1.png,8", "card2.png,card3.png,9", "card4.png,card5.png,8"]
    _, index = read(table(tmp_path, *lines))
    assert [image.labels for image in index.images] == [(1,), (1,), (2,), (2,), (1,), (1,)]
    assert len({image.group for image in index.images}) == 3


def test_a_row_that_a_second_table_contradicts_is_reported(tmp_path: Path) -> None:
    root = table(tmp_path, "filename,label", *rows("dent", "scratch"))
    table(root, "filename,label", *rows("dent", "dent"), name="other.csv")
    reading, _ = read(root)
    assert only(reading, "format.csv.rows_repeated").startswith("table.csv: 1 rows")
    assert only(reading, "format.duplicate_image").startswith("card1.png: ")


words = st.sampled_from(["dent", "scratch", "8", "9.5", "NA", "", "a, b", "0.25", "12", "PSA 9"])
headings = st.sampled_from(
    ["label", "grade", "x", "y", "w", "h", "score:s", "class:c", "", "size", "bbox", "card0.png"]
)


@settings(max_examples=60, deadline=None)
@given(
    header=st.none() | st.lists(headings, min_size=1, max_size=4),
    values=st.lists(st.lists(words, min_size=4, max_size=4), min_size=1, max_size=6),
    delimiter=st.sampled_from(",;\t|"),
)
def test_every_row_of_any_table_is_a_mark_a_label_or_a_finding(
    header: list[str] | None,
    values: list[list[str]],
    delimiter: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    root = tmp_path_factory.mktemp("table")
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    width = len(header) if header is not None else 4
    if header is not None:
        writer.writerow(["filename", *header])
    for number, row in enumerate(values):
        writer.writerow([f"card{number}.png", *row[:width]])
    reading = read_dataset(table(root, text.getvalue(), images=len(values)), format="csv", limits=Limits(workers=1))
    if reading.index is None:
        assert codes(reading) & {"format.csv.missing", "format.csv.unreadable"}
        return
    found = {problem.location for problem in reading.problems}
    undecided = "format.csv.boxes_undecided" in codes(reading)
    for image in reading.index.images:
        line = int(image.path[4:-4]) + 1 + (header is not None)
        assert image.is_annotated or undecided or f"table.csv#{line}" in found or header_of_no_meaning(header, image)


def header_of_no_meaning(header: list[str] | None, image: Any) -> bool:
    """A column of scores may be empty in a row."""
    return header is None or not any(name in {"label", "grade"} for name in header)
