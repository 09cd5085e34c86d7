"""Masks of values that something names, or that nothing does, as tools export them."""

from pathlib import Path

import numpy as np
import pytest
from exported_folders import COORDINATES_PX, exported, image_at, index_of, marks_by_class, messages
from PIL import Image
from truscore.datasets import Declaration, read_dataset


def test_a_palette_with_an_unlabelled_border(shared_data: Path) -> None:
    index = read_dataset(exported(shared_data, "voc_palette_masks"), format="masks").index
    assert index is not None
    assert (len(index.images), marks_by_class(index)) == (3, {"scratch": 3, "dent": 3})
    assert index.images[0].annotations[0].box_xywh == pytest.approx((40, 100, 80, 60), abs=0.01)


def test_ids_of_instances_are_refused_until_their_classes_are_declared(shared_data: Path) -> None:
    folder = exported(shared_data, "instance_id_masks")
    reading = read_dataset(folder, format="masks")
    assert reading.index is not None
    assert reading.index.annotation_count == 0
    assert "label.mask_values" in {problem.code for problem in reading.problems}
    index = read_dataset(folder, declaration=Declaration(format="masks", classes=("scratch", "dent"))).index
    assert index is not None
    assert marks_by_class(index) == {"scratch": 6, "dent": 3}


@pytest.mark.parametrize(
    ("name", "images", "marked"), [("masks_jpg", 12, {"defect": 12}), ("masks_jpg_no_clean_masks", 16, {"crack": 8})]
)
def test_masks_saved_as_jpeg_are_cut_at_a_threshold_that_is_reported(
    shared_data: Path, name: str, images: int, marked: dict[str, int]
) -> None:
    reading = read_dataset(exported(shared_data, name), format="masks")
    assert reading.index is not None
    assert (len(reading.index.images), marks_by_class(reading.index)) == (images, marked)
    assert messages(reading, "label.mask_not_binary") == [
        "masks are JPEG: pixels above 127 were taken as marked; declare a mask_threshold"
    ]


@pytest.mark.parametrize(
    ("name", "image", "mask"),
    [
        ("mvtec_ad", "test/scratch/000.png", "ground_truth/scratch/000_mask.png"),
        ("masks_isic", "Training_Data/ISIC_0000000.jpg", "Training_Part1_GroundTruth/ISIC_0000000_segmentation.png"),
        ("masks_kolektor", "kos04/Part0.jpg", "kos04/Part0_label.bmp"),
        ("masks_dagm_varied", "Class2/Test/0000.PNG", "Class2/Test/Label/0000_label.PNG"),
        ("masks_jpg", "images/c0.jpg", "masks/c0.jpg"),
        ("masks_jpg_no_clean_masks", "crack/images/k0.jpg", "crack/masks/k0.jpg"),
    ],
)
def test_a_mask_of_a_collection_lies_where_its_pixels_do(shared_data: Path, name: str, image: str, mask: str) -> None:
    folder = exported(shared_data, name)
    (found,) = image_at(index_of(folder), image).annotations
    with Image.open(folder / mask) as picture:
        down, across = np.nonzero(np.asarray(picture.convert("L")) > 127)
    drawn = (across.min(), down.min(), np.ptp(across) + 1, np.ptp(down) + 1)
    assert found.box_xywh == pytest.approx(drawn, abs=COORDINATES_PX)
