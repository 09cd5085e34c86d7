"""Tables as annotation tools and collectors export them are read as their makers meant them."""

from collections import Counter
from pathlib import Path

import pytest
from exported_folders import exported
from truscore.datasets import DatasetIndex, read_dataset


def read(shared_data: Path, name: str) -> DatasetIndex:
    index = read_dataset(exported(shared_data, name), format="csv").index
    assert index is not None
    return index


def boxes(index: DatasetIndex, name: str) -> list[tuple[str, tuple[float, ...]]]:
    (image,) = [image for image in index.images if image.path.rpartition("/")[2] == name]
    return [(index.class_names[mark.label - 1], mark.box_xywh) for mark in image.annotations]


def grades(index: DatasetIndex) -> Counter[float | None]:
    return Counter(index.grades[image.labels[0] - 1] if image.labels else None for image in index.images)


def test_a_table_of_boxes_without_headings(shared_data: Path) -> None:
    index = read(shared_data, "csv_keras_retinanet_noheader")
    assert (index.class_names, index.annotation_count) == (("scratch", "dent"), 10)
    assert [image.labels for image in index.images].count(()) == 2
    assert boxes(index, "img_000.jpg") == [("dent", (20, 30, 40, 60))]
    assert not any(image.scores for image in index.images)


def test_boxes_by_corner_and_size(shared_data: Path) -> None:
    index = read(shared_data, "csv_xywh")
    assert index.annotation_count == 24
    assert boxes(index, "img_000.jpg") == [("scratch", (20, 30, 40, 60)), ("dent", (60, 130, 30, 20))]


def test_boxes_in_fractions_of_the_image(shared_data: Path) -> None:
    index = read(shared_data, "csv_normalised_boxes")
    assert index.annotation_count == 12
    ((name, box),) = boxes(index, "img_000.jpg")
    assert (name, box) == ("scratch", pytest.approx((20, 44.8, 40, 44.8), abs=0.01))


def test_rows_that_stand_in_two_tables_count_once(shared_data: Path) -> None:
    index = read(shared_data, "csv_two_tables_same_rows")
    assert (len(index.images), index.annotation_count) == (12, 12)


def test_grades_without_headings(shared_data: Path) -> None:
    assert grades(read(shared_data, "csv_grades_noheader")) == {6: 3, 7: 3, 8: 3, 9: 3}


def test_names_without_endings(shared_data: Path) -> None:
    assert grades(read(shared_data, "csv_no_extension")) == {6: 3, 7: 3, 8: 3, 9: 3}


def test_words_for_a_missing_grade(shared_data: Path) -> None:
    assert grades(read(shared_data, "csv_scores_missing_word")) == {8: 2, 9: 2, 10: 2, None: 6}


def test_grades_of_several_graders_in_a_table_of_excel(shared_data: Path) -> None:
    index = read(shared_data, "csv_half_grades")
    assert grades(index) == {6.5: 1, 7: 1, 8: 1, 8.5: 1, 9: 1, 9.5: 1, 10: 2}
    assert sorted(filter(None, (image.written_grade for image in index.images))) == [
        "GEM MT 10",
        "NM-MT 8",
        "PSA 10",
        "PSA 9",
    ]
    assert {image.scores for image in index.images} == {(("Zentrierung", 55.0),)}


def test_a_row_is_about_all_images_of_a_cards_folder(shared_data: Path) -> None:
    index = read(shared_data, "csv_card_folders")
    assert (len(index.images), index.grades) == (24, (7.5, 8.0, 8.5, 9.0))
    assert set(Counter(image.group for image in index.images).values()) == {2}
    assert [name for name, _ in index.images[0].scores] == ["Centering", "Corners", "Edges", "Surface"]


def test_a_class_may_hold_a_comma(shared_data: Path) -> None:
    assert read(shared_data, "csv_class_with_comma").class_names == ("corner, sharp", "corner, soft")


@pytest.mark.parametrize("name", ["csv_via", "csv_severstal"])
def test_outlines_and_the_sizes_of_files_are_never_scores(shared_data: Path, name: str) -> None:
    index = read_dataset(exported(shared_data, name)).index
    assert index is None or not any(image.scores or image.labels for image in index.images)
