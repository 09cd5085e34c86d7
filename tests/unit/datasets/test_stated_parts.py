"""Parts of a split that lists, tables and annotation files state: read, reported once, and followed by the split."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from disk_datasets import coco, codes, entry, mark, only, picture, write_label
from test_voc_reader import box, voc
from truscore.datasets import DatasetIndex, ReadResult, read_dataset, split_dataset
from truscore.datasets.formats.writing import WRITERS, write_dataset
from truscore.datasets.index.comparison import compare
from truscore.datasets.index.json_codec import InvalidIndex, index_from_json, index_to_json

STATED, UNCLEAR = "format.parts_stated", "format.parts_unclear"
SPLIT = {"train": "abcd", "val": "ef", "test": "g"}


def voc_set(root: Path, names: str = "abcdefg") -> Path:
    for seed, name in enumerate(names):
        picture(root / f"JPEGImages/{name}.jpg", seed=seed)
        voc(root / f"Annotations/{name}.xml", box(), name=f"{name}.jpg")
    return root


def lists(folder: Path, parts: Mapping[str, Sequence[str]], ending: str = "") -> None:
    for part, names in parts.items():
        write_label(folder / f"{part}.txt", *(f"{name}{ending}" for name in names))


def index_of(reading: ReadResult) -> DatasetIndex:
    assert reading.index is not None, reading.problems
    return reading.index


def split_names(index: DatasetIndex) -> list[str]:
    split = split_dataset(index, seed=1)
    parts = (split.train, split.validation, split.test)
    return ["".join(sorted(path.rpartition("/")[2][0] for path in part)) for part in parts]


@pytest.mark.parametrize("task", ["Main", "Segmentation", "Layout"])
@pytest.mark.parametrize("ending", ["", ".jpg"])
def test_image_sets_of_voc_decide_the_split(tmp_path: Path, task: str, ending: str) -> None:
    lists(voc_set(tmp_path) / "ImageSets" / task, {**SPLIT, "trainval": "abcdef"}, ending)
    reading = read_dataset(tmp_path)
    assert codes(reading) == {STATED}
    home = f"ImageSets/{task}"
    assert only(reading, STATED) == (
        f": parts of the split are those of {home}/test.txt, {home}/train.txt, {home}/val.txt: "
        "4 train, 2 validation, 1 test"
    )
    assert split_names(index_of(reading)) == ["abcd", "ef", "g"]


def test_trainval_alone_leaves_validation_to_be_chosen_from_it(tmp_path: Path) -> None:
    lists(voc_set(tmp_path) / "ImageSets/Main", {"trainval": "abcdef", "test": "g"})
    train, validation, test = split_names(index_of(read_dataset(tmp_path)))
    assert test == "g"
    assert validation
    assert set(train + validation) == set("abcdef")


def test_lists_of_one_class_are_no_parts_even_of_a_class_called_train(tmp_path: Path) -> None:
    home = voc_set(tmp_path) / "ImageSets/Main"
    lists(home, SPLIT)
    for name in ("cat_train", "cat_val", "train_train", "train_val", "train_trainval"):
        write_label(home / f"{name}.txt", "a  1", "b -1", "g  0", "e -1")
    assert split_names(index_of(read_dataset(tmp_path))) == ["abcd", "ef", "g"]
    for name in SPLIT:
        (home / f"{name}.txt").unlink()
    assert not any(image.part for image in index_of(read_dataset(tmp_path)).images)


def test_names_without_an_image_and_images_in_no_list_are_named(tmp_path: Path) -> None:
    lists(voc_set(tmp_path, "abcdefgh") / "ImageSets/Main", {**SPLIT, "val": ["e", "f", "2007_1"]})
    reading = read_dataset(tmp_path)
    assert codes(reading) == {STATED, UNCLEAR, "format.list_unresolved"}
    assert only(reading, "format.list_unresolved") == (
        "ImageSets/Main/val.txt: 1 names are of no image in the dataset, such as '2007_1'"
    )
    assert "1 images are in no part" in only(reading, UNCLEAR)
    assert "JPEGImages/h.jpg" in only(reading, UNCLEAR)
    assert split_names(index_of(reading)) == ["abcdh", "ef", "g"]


def test_an_image_in_no_list_goes_with_its_copy(tmp_path: Path) -> None:
    voc_set(tmp_path, "abcdefgh")
    (tmp_path / "JPEGImages/h.jpg").write_bytes((tmp_path / "JPEGImages/g.jpg").read_bytes())
    lists(tmp_path / "ImageSets/Main", SPLIT)
    assert split_names(index_of(read_dataset(tmp_path))) == ["abcd", "ef", "gh"]


def test_an_image_in_two_lists_is_for_the_test_and_said(tmp_path: Path) -> None:
    lists(voc_set(tmp_path) / "ImageSets/Main", {**SPLIT, "train": "abcdg"})
    reading = read_dataset(tmp_path)
    assert "1 images are in two lists" in only(reading, UNCLEAR)
    assert split_names(index_of(reading)) == ["abcd", "ef", "g"]


def test_lists_of_another_task_that_say_something_else_are_named(tmp_path: Path) -> None:
    lists(voc_set(tmp_path) / "ImageSets/Main", SPLIT)
    lists(tmp_path / "ImageSets/Segmentation", {"train": "ef", "val": "ab"})
    reading = read_dataset(tmp_path)
    assert "lists in ImageSets/Segmentation put 4 images into other parts" in only(reading, UNCLEAR)
    assert split_names(index_of(reading)) == ["abcd", "ef", "g"]


def test_folders_of_parts_go_before_lists(tmp_path: Path) -> None:
    for seed, path in enumerate(("train/a", "train/b", "val/c", "val/d")):
        picture(tmp_path / f"images/{path}.jpg", seed=seed)
        write_label(tmp_path / f"labels/{path}.txt", "0 .5 .5 .2 .2")
    write_label(tmp_path / "train.txt", "./images/train/a.jpg", "./images/val/c.jpg")
    write_label(tmp_path / "val.txt", "./images/train/b.jpg", "./images/val/d.jpg")
    reading = read_dataset(tmp_path)
    assert "folders name another part than train.txt, val.txt for 2 images" in only(reading, UNCLEAR)
    assert split_names(index_of(reading)) == ["ab", "cd", ""]
    assert not any(image.part for image in index_of(reading).images)


def test_lists_of_yolo_decide_and_label_files_are_no_lists(tmp_path: Path) -> None:
    for seed, name in enumerate(["a", "b", "c", "d", "train", "test"]):
        picture(tmp_path / f"images/{name}.jpg", seed=seed)
        write_label(tmp_path / f"images/{name}.txt", "0 .5 .5 .2 .2")
    write_label(tmp_path / "train.txt", *(f"/home/me/set/images/{name}.jpg" for name in ("a", "b", "train", "test")))
    write_label(tmp_path / "valid.txt", "images\\c.jpg", "images\\d.jpg")
    assert split_names(index_of(read_dataset(tmp_path))) == ["abtt", "cd", ""]


def by_file(root: Path) -> None:
    for seed, name in enumerate("abcd"):
        picture(root / f"images/{name}.png", seed=seed)
    for part, names in (("train2017", "ab"), ("val2017", "cd")):
        images = [entry(number, f"{name}.png") for number, name in enumerate(names)]
        marks = [mark(number, number) for number in range(len(names))]
        coco(root / f"annotations/instances_{part}.json", images=images, annotations=marks)


def by_table(root: Path) -> None:
    for seed, name in enumerate("abcd"):
        picture(root / f"{name}.png", seed=seed)
    for part, names in (("all", "abcd"), ("train", "ab"), ("validation", "cd")):
        write_label(root / f"{part}_labels.csv", "filename,label", *(f"{name}.png,{name > 'b'}" for name in names))


def by_column(root: Path) -> None:
    for seed, name in enumerate("abcd"):
        picture(root / f"{name}.png", seed=seed)
    write_label(root / "sheet.csv", "file,grade,Split", "a.png,8,Train", "b.png,9,Train", "c.png,8,Dev", "d.png,9,dev")


def by_subset(root: Path) -> None:
    for seed, name in enumerate("abcd"):
        picture(root / f"images/{name}.png", seed=seed)
    shape = '<box label="dent" xtl="1" ytl="2" xbr="9" ybr="8"/>'
    images = "".join(
        f'<image id="{at}" name="{name}.png" subset="{part}" width="40" height="30">{shape}</image>'
        for at, (name, part) in enumerate(zip("abcd", ["Train", "Train", "Validation", "Validation"], strict=True))
    )
    (root / "annotations.xml").write_text(f"<annotations><version>1.1</version>{images}</annotations>")


def by_line(root: Path) -> None:
    lines = []
    for seed, name in enumerate("abcd"):
        picture(root / f"{name}.png", seed=seed)
        lines.append(json.dumps({"file_name": f"{name}.png", "label": "x", "split": "train" if seed < 2 else "valid"}))
    (root / "metadata.jsonl").write_text("\n".join(lines))


@pytest.mark.parametrize("write", [by_file, by_table, by_column, by_subset, by_line])
def test_annotations_state_parts_too(tmp_path: Path, write: "object") -> None:
    assert callable(write)
    write(tmp_path)
    reading = read_dataset(tmp_path)
    assert only(reading, STATED).endswith("2 train, 2 validation")
    assert split_names(index_of(reading)) == ["ab", "cd", ""]
    assert "format.csv.column_unused" not in codes(reading)


def test_a_single_list_of_all_images_splits_nothing(tmp_path: Path) -> None:
    lists(voc_set(tmp_path) / "ImageSets/Main", {"train": "abcdefg"})
    reading = read_dataset(tmp_path)
    assert codes(reading) == set()
    assert all(split_names(index_of(reading))[:2])


def test_parts_go_into_the_index_and_into_every_format(tmp_path: Path) -> None:
    lists(voc_set(tmp_path / "set") / "ImageSets/Main", SPLIT)
    index = index_of(read_dataset(tmp_path / "set"))
    assert index_from_json(index_to_json(index)) == index
    with pytest.raises(InvalidIndex, match="part is 'both'"):
        index_from_json(index_to_json(index).replace('"part":"test"', '"part":"both"'))
    for format in ("truscore", "coco", "yolo", "voc", "csv"):
        assert format in WRITERS
        write_dataset(index, tmp_path / "set", tmp_path / format, format=format)
        assert split_names(index_of(read_dataset(tmp_path / format))) == ["abcd", "ef", "g"], format
    moved = replace(index, images=(replace(index.images[0], part="test"), *index.images[1:]))
    (change,) = compare(index, moved).images_changed
    assert change.part == ("train", "test")
