"""Masks of values that something names, or that nothing does, as tools export them."""

from pathlib import Path

import pytest
from exported_folders import exported, marks_by_class, messages
from truscore.datasets import Declaration, read_dataset


def test_a_palette_with_a_border_that_nobody_judged(shared_data: Path) -> None:
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
