"""Folders called as graders write grades are grades, and what each grader wrote is kept."""

from pathlib import Path

from disk_datasets import codes, picture
from truscore.datasets import ReadResult, index_from_json, index_to_json, read_dataset


def read(root: Path, *folders: str) -> ReadResult:
    for number, folder in enumerate(folders):
        for place in range(2):
            picture(root / f"{folder}/card{number}{place}.png", seed=2 * number + place)
    return read_dataset(root, format="folder")


def test_folders_of_several_graders_are_one_scale_and_the_grade_as_written_is_kept(tmp_path: Path) -> None:
    reading = read(tmp_path, "PSA 9 MINT", "BGS_9_5", "SGC 96", "PSA 8 (OC)")
    assert reading.index is not None
    assert (reading.index.class_names, reading.index.grades) == (("8", "9", "9.5"), (8.0, 9.0, 9.5))
    assert "format.grades_merged" in codes(reading)
    written = {image.path.partition("/")[0]: image.written_grade for image in reading.index.images}
    assert written == {name: name for name in ("PSA 9 MINT", "BGS_9_5", "SGC 96", "PSA 8 (OC)")}
    assert index_from_json(index_to_json(reading.index)).images == reading.index.images


def test_a_folder_of_ungraded_cards_leaves_the_others_grades(tmp_path: Path) -> None:
    reading = read(tmp_path, "psa8", "psa9", "ungraded")
    assert reading.index is not None
    assert reading.index.grades == (8.0, 9.0)
    assert [image.labels for image in reading.index.images if image.path.startswith("ungraded")] == [None, None]
    assert "format.grade_missing" in codes(reading)


def test_names_that_need_no_merging_stay_as_they_are(tmp_path: Path) -> None:
    reading = read(tmp_path, "psa8", "psa9", "psa10")
    assert reading.index is not None
    assert reading.index.class_names == ("psa8", "psa9", "psa10")
    assert {image.written_grade for image in reading.index.images} == {""}
    assert codes(reading) == set()
