"""What the values of masks are: numbers, colours and ids are read where something names them, else refused by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from disk_datasets import codes, picture
from PIL import Image
from truscore.datasets import Declaration, ReadResult, read_dataset

WIDTH, HEIGHT = 40, 30
TWO_HW = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
TWO_HW[2:8, 2:12], TWO_HW[20:26, 20:36] = 1, 2
FIRST, SECOND = (2.0, 2.0, 10.0, 6.0), (20.0, 20.0, 16.0, 6.0)
COLOURS = {1: (128, 0, 0), 2: (0, 128, 0)}


def dataset(root: Path, *masks: np.ndarray, palette: bool = False, suffix: str = "png", **files: str) -> Path:
    for number, values in enumerate(masks):
        picture(root / f"images/{number}.jpg", WIDTH, HEIGHT, seed=number)
        image = Image.fromarray(values)
        if palette:
            image = Image.fromarray(values, mode="P")
            image.putpalette([0, 0, 0, *COLOURS[1], *COLOURS[2]] + [0] * 750 + [224, 224, 192])
        (root / "masks").mkdir(exist_ok=True)
        image.save(root / f"masks/{number}.{suffix}", **({"quality": 95} if suffix == "jpg" else {}))
    for name, text in files.items():
        (root / name.replace("__", ".")).write_text(text)
    return root


def read(root: Path, **declared: Any) -> ReadResult:
    return read_dataset(root, format="masks", declaration=Declaration(**declared) if declared else None)


def marks(reading: ReadResult) -> list[list[tuple[str, tuple[float, ...]]]]:
    assert reading.index is not None
    names = reading.index.class_names
    return [[(names[mark.label - 1], mark.box_xywh) for mark in image.annotations] for image in reading.index.images]


def refused(reading: ReadResult) -> bool:
    assert reading.index is not None
    return reading.index.annotation_count == 0 and "label.mask_values" in codes(reading)


@pytest.mark.parametrize("palette", [True, False])
@pytest.mark.parametrize(
    "names", ["_background_\nscratch\ndent\n", "__ignore__\n_background_\nscratch\ndent\n", "scratch\ndent\n"]
)
def test_numbers_are_classes_where_a_list_names_them(tmp_path: Path, names: str, palette: bool) -> None:
    reading = read(dataset(tmp_path, TWO_HW, TWO_HW, palette=palette, labels__txt=names))
    assert marks(reading) == [[("scratch", FIRST), ("dent", SECOND)]] * 2


@pytest.mark.parametrize("palette", [True, False])
def test_numbers_that_nothing_names_are_refused(tmp_path: Path, palette: bool) -> None:
    assert refused(read(dataset(tmp_path, TWO_HW, TWO_HW, palette=palette)))


def test_numbers_are_seen_over_all_masks_though_each_has_only_one(tmp_path: Path) -> None:
    first_HW, second_HW = np.where(TWO_HW == 1, 1, 0).astype(np.uint8), np.where(TWO_HW == 2, 2, 0).astype(np.uint8)
    assert refused(read(dataset(tmp_path, first_HW, second_HW)))
    (tmp_path / "classes.txt").write_text("scratch\ndent\n")
    assert marks(read(tmp_path)) == [[("scratch", FIRST)], [("dent", SECOND)]]


def test_255_of_a_palette_is_unlabelled(tmp_path: Path) -> None:
    values_HW = TWO_HW.copy()
    values_HW[0, :] = 255
    reading = read(dataset(tmp_path, values_HW, palette=True, labels__txt="_background_\nscratch\ndent\n"))
    assert marks(reading) == [[("scratch", FIRST), ("dent", SECOND)]]
    assert "label.ignored_region" in codes(reading)


def test_one_class_beside_what_is_unlabelled_needs_no_names(tmp_path: Path) -> None:
    values_HW = np.where(TWO_HW == 2, 255, TWO_HW).astype(np.uint8)
    reading = read(dataset(tmp_path, values_HW, palette=True))
    assert marks(reading) == [[("defect", FIRST)]]
    assert "label.ignored_region" in codes(reading)


def test_a_palette_of_black_and_white_is_black_and_white(tmp_path: Path) -> None:
    reading = read(dataset(tmp_path, np.where(TWO_HW == 1, 255, 0).astype(np.uint8), palette=True))
    assert (marks(reading), codes(reading)) == ([[("defect", FIRST)]], set())


@pytest.mark.parametrize("levels", [(128, 255), (85, 170)])
def test_few_grey_levels_are_refused_and_not_cut_in_the_middle(tmp_path: Path, levels: tuple[int, int]) -> None:
    values_HW = np.select([TWO_HW == 1, TWO_HW == 2], levels, 0).astype(np.uint8)
    assert refused(read(dataset(tmp_path, values_HW)))
    assert len(marks(read(tmp_path, mask_threshold=0))[0]) == 1


def coloured() -> np.ndarray:
    return np.array([(0, 0, 0), COLOURS[1], COLOURS[2]], dtype=np.uint8)[TWO_HW]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\nscratch:128,0,0::\ndent:0,128,0::\n"),
        ("class_dict.csv", "name,r,g,b\nbackground,0,0,0\nscratch,128,0,0\ndent,0,128,0\n"),
        ("label_colors.txt", "0 0 0 background\n128 0 0 scratch\n0 128 0 dent\n"),
        ("labelmap.json", '{"scratch": [128, 0, 0], "dent": [0, 128, 0]}'),
    ],
)
def test_colours_are_classes_where_a_label_map_names_them(tmp_path: Path, name: str, text: str) -> None:
    (dataset(tmp_path, coloured()) / name).write_text(text)
    assert sorted(marks(read(tmp_path))[0]) == [("dent", SECOND), ("scratch", FIRST)]


def test_a_label_map_names_the_colours_of_a_palette(tmp_path: Path) -> None:
    root = dataset(tmp_path, TWO_HW, palette=True, labelmap__txt="dent:0,128,0::\nscratch:128,0,0::\n")
    assert sorted(marks(read(root))[0]) == [("dent", SECOND), ("scratch", FIRST)]


def test_colours_without_a_label_map_and_colours_that_it_lacks_are_reported(tmp_path: Path) -> None:
    assert refused(read(dataset(tmp_path, coloured())))
    (tmp_path / "labelmap.txt").write_text("scratch:128,0,0::\n")
    reading = read(tmp_path)
    assert marks(reading) == [[("scratch", FIRST)]]
    assert "label.unknown_category" in codes(reading)


def instances() -> np.ndarray:
    values_HW = np.zeros((HEIGHT, WIDTH), dtype=np.uint16)
    values_HW[2:8, 2:12], values_HW[20:26, 20:36], values_HW[12:16, 2:12] = 1001, 2001, 1002
    return values_HW


def test_ids_of_instances_are_marks_of_their_own_where_the_classes_are_named(tmp_path: Path) -> None:
    root = dataset(tmp_path, instances())
    assert refused(read(root))
    expected = [("scratch", FIRST), ("scratch", (2.0, 12.0, 10.0, 4.0)), ("dent", SECOND)]
    assert marks(read(root, classes=("scratch", "dent"))) == [expected]
    (root / "labels.txt").write_text("scratch\ndent\n")
    assert marks(read(root)) == [expected]


def test_declared_instances_without_a_class_in_them_are_of_the_folders_class(tmp_path: Path) -> None:
    reading = read(dataset(tmp_path, TWO_HW), mask_values="instances")
    assert marks(reading) == [[("defect", FIRST), ("defect", SECOND)]]


def test_a_mask_saved_as_jpeg_is_cut_in_the_middle_and_that_is_reported_once(tmp_path: Path) -> None:
    white_HW = np.where(TWO_HW == 2, 255, 0).astype(np.uint8)
    reading = read(dataset(tmp_path, white_HW, white_HW, suffix="jpg"))
    assert marks(reading) == [[("defect", SECOND)]] * 2
    (found,) = [problem for problem in reading.problems if problem.code == "label.mask_not_binary"]
    assert "above 127" in found.message


def test_numbers_saved_as_jpeg_are_refused(tmp_path: Path) -> None:
    assert refused(read(dataset(tmp_path, TWO_HW, TWO_HW, suffix="jpg", labels__txt="scratch\ndent\n")))
