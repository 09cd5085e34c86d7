"""Images with masks: pairing, thresholds, sizes, empty masks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from disk_datasets import codes, only, picture
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from truscore.datasets import (
    Annotation,
    Declaration,
    ReadResult,
    annotation_mask,
    mask_to_rle,
    read_dataset,
    recognise_format,
)
from truscore.datasets.folder_words import is_good
from truscore.datasets.formats.masks.pairing import mask_by_image
from truscore.datasets.shapes.parse import box_of_rle

BLOCK_HW = np.zeros((30, 40), dtype=np.uint8)
BLOCK_HW[5:15, 10:30] = 255


def mask(path: Path, values_HW: np.ndarray = BLOCK_HW, **save: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values_HW).save(path, **save)
    return path


def pair(
    root: Path, values_HW: np.ndarray = BLOCK_HW, *, folder: str = "crack", name: str = "1", seed: int = 0
) -> Path:
    picture(root / folder / f"{name}.jpg", seed=seed)
    mask(root / folder / f"{name}.png", values_HW)
    return root


def read(root: Path, **declared: Any) -> ReadResult:
    return read_dataset(root, format="masks", declaration=Declaration(**declared) if declared else None)


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_run_lengths_give_the_mask_back(mask_HW: np.ndarray) -> None:
    rle = mask_to_rle(mask_HW)
    back = annotation_mask(Annotation(label=1, box_xywh=(0, 0, 1, 1), rle=rle), *mask_HW.shape)
    assert (back == mask_HW).all()
    assert all(run > 0 for run in rle.counts[1:])
    if mask_HW.any():
        rows, columns = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
        box = (columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)
        assert box_of_rle(rle) == box


@pytest.mark.parametrize(
    ("image", "masked"),
    [
        ("crack/1.jpg", "crack/1.png"),
        ("crack/Imgs/1.jpg", "crack/Imgs/1.png"),
        ("images/1.png", "masks/1.png"),
        ("images/1.jpg", "masks/1_mask.png"),
        ("train/images/1.jpg", "train/masks/1.png"),
        ("1.png", "1_mask.png"),
        ("1.jpg", "1.jpg.mask.png"),
        ("test/crack/1.png", "ground_truth/crack/1_mask.png"),
        ("a/1.jpg", "masks/a/1.jpg.png"),
    ],
)
def test_a_mask_is_found_where_such_datasets_have_it(image: str, masked: str) -> None:
    assert mask_by_image([image, masked]) == {image: masked}


def test_masks_of_images_with_one_name_in_several_folders_are_not_mixed_up() -> None:
    paths = ["train/images/1.jpg", "train/masks/1.png", "test/images/1.jpg", "test/masks/1.png", "test/images/2.jpg"]
    assert mask_by_image(paths) == {
        "train/images/1.jpg": "train/masks/1.png",
        "test/images/1.jpg": "test/masks/1.png",
        "test/images/2.jpg": "",
    }


@pytest.mark.parametrize("part", ["train", "dev", "holdout"])
def test_masks_leave_out_which_part_of_the_split_an_image_is_of(part: str) -> None:
    paths = [f"{part}/{name}/1.png" for name in "ab"] + [f"ground_truth/{name}/1_mask.png" for name in "ab"]
    assert mask_by_image(paths) == {f"{part}/{name}/1.png": f"ground_truth/{name}/1_mask.png" for name in "ab"}


@pytest.mark.parametrize("name", ["MT_Free", "good", "OK", "no_defect"])
def test_a_class_without_defects_is_known_by_its_name(name: str) -> None:
    assert is_good(name)
    assert not is_good("MT_Break")


def test_masks_in_class_folders_mark_that_class(tmp_path: Path) -> None:
    pair(tmp_path)
    pair(tmp_path, folder="blowhole", seed=1)
    pair(tmp_path, np.zeros_like(BLOCK_HW), folder="good", seed=2)
    assert recognise_format(tmp_path) == "masks"
    reading = read(tmp_path)
    assert reading.problems == ()
    assert reading.index is not None
    assert reading.index.class_names == ("blowhole", "crack")
    assert [image.labels for image in reading.index.images] == [(1,), (2,), ()]
    (mark,) = reading.index.images[1].annotations
    assert (mark.label, mark.box_xywh, mark.source_id) == (2, (10.0, 5.0, 20.0, 10.0), "1.png")
    assert (annotation_mask(mark, 30, 40) == (BLOCK_HW > 0)).all()


def test_images_in_no_class_folder_are_of_the_class_given(tmp_path: Path) -> None:
    picture(tmp_path / "images/1.png")
    mask(tmp_path / "masks/1.png")
    for names, expected in (([], ("defect",)), (["wear"], ("wear",))):
        index = read_dataset(tmp_path, class_names=names).index
        assert index is not None
        assert index.class_names == expected


def soft() -> np.ndarray:
    """A block of 200 pixels above the middle in a rim of 136 more above zero."""
    values_HW = np.zeros((30, 40), dtype=np.uint8)
    values_HW[3:17, 8:32] = 90
    values_HW[5:15, 10:30] = 236 + np.arange(20)
    return values_HW


@pytest.mark.parametrize(("threshold", "area"), [(None, 200), (127, 200), (0, 336), (89, 336), (90, 200)])
def test_a_grey_mask_wants_a_threshold_and_is_cut_at_it(tmp_path: Path, threshold: int | None, area: int) -> None:
    pair(tmp_path, soft())
    reading = read(tmp_path, mask_threshold=threshold)
    assert reading.index is not None
    (mark,) = reading.index.images[0].annotations
    assert annotation_mask(mark, 30, 40).sum() == area
    if threshold is None:
        stated = only(reading, "label.mask_not_binary")
        assert "above 127 lie 200 pixels, above 0 336" in stated
        assert "declare a mask_threshold" in stated
    else:
        assert reading.problems == ()


@pytest.mark.parametrize("white", [1, 7, 255])
def test_a_mask_of_two_values_is_binary_whatever_they_are(tmp_path: Path, white: int) -> None:
    reading = read(pair(tmp_path, BLOCK_HW // 255 * white))
    assert reading.problems == ()
    assert reading.index is not None
    assert reading.index.annotation_count == 1


@pytest.mark.parametrize(
    "values",
    [
        BLOCK_HW // 255 + (np.arange(40) > 20).astype(np.uint8),
        np.stack([BLOCK_HW, BLOCK_HW, BLOCK_HW // 2], axis=-1),
    ],
)
def test_class_numbers_and_colours_are_refused_where_nothing_declares_them(tmp_path: Path, values: np.ndarray) -> None:
    reading = read(pair(tmp_path, values))
    assert codes(reading) >= {"label.mask_values"}
    assert reading.index is not None
    assert reading.index.annotation_count == 0


def test_declared_class_numbers_are_classes(tmp_path: Path) -> None:
    values_HW = np.zeros((30, 40), dtype=np.uint8)
    values_HW[:5], values_HW[5:9], values_HW[20:] = 1, 2, 9
    picture(tmp_path / "images/1.jpg")
    mask(tmp_path / "masks/1.png", values_HW)
    reading = read(tmp_path, mask_values="classes", classes=("dent", "wear"))
    assert "values [9]" in only(reading, "label.unknown_category")
    assert reading.index is not None
    (image,) = reading.index.images
    assert [(mark.label, mark.box_xywh) for mark in image.annotations] == [(1, (0, 0, 40, 5)), (2, (0, 5, 40, 4))]
    assert image.labels is None


def test_a_palette_mask_is_read_by_its_indexes(tmp_path: Path) -> None:
    picture(tmp_path / "images/1.jpg")
    palette = Image.fromarray(BLOCK_HW // 255).convert("P")
    palette.putpalette([0, 0, 0, 200, 30, 30])
    (tmp_path / "masks").mkdir()
    palette.save(tmp_path / "masks/1.png")
    index = read(tmp_path).index
    assert index is not None
    assert index.images[0].annotations[0].box_xywh == (10.0, 5.0, 20.0, 10.0)


@pytest.mark.parametrize(
    ("values_HW", "folder", "code"),
    [
        (np.zeros((30, 40), dtype=np.uint8), "crack", "label.empty_mask"),
        (BLOCK_HW, "good", "label.good_but_marked"),
        (BLOCK_HW.T.copy(), "crack", "label.mask_size"),
        (BLOCK_HW[:10], "crack", "label.mask_size"),
    ],
)
def test_a_mask_that_contradicts_its_image_is_reported(
    tmp_path: Path, values_HW: np.ndarray, folder: str, code: str
) -> None:
    pair(tmp_path, values_HW, folder=folder)
    pair(tmp_path, folder="blowhole", seed=1)
    reading = read(tmp_path)
    assert only(reading, code).startswith(f"{folder}/1.png: ")
    assert reading.index is not None
    assert reading.index.annotation_count == 1


def test_a_mask_that_cannot_be_decoded_is_reported(tmp_path: Path) -> None:
    pair(tmp_path)
    pair(tmp_path, name="2", seed=1)
    (tmp_path / "crack/2.png").write_bytes(b"not a picture, and long enough")
    assert only(read(tmp_path), "label.mask_unreadable").startswith("crack/2.png: ")


def test_an_image_without_a_mask_is_reported_unless_it_is_a_good_one(tmp_path: Path) -> None:
    for number in range(3):
        pair(tmp_path, name=str(number), seed=number)
    picture(tmp_path / "crack/9.jpg", seed=9)
    picture(tmp_path / "good/8.jpg", seed=8)
    assert only(read(tmp_path), "format.masks.image_without_mask").startswith("crack/9.jpg: ")
