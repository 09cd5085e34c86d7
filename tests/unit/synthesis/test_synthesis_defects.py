"""Rendered patches of surface, and what is marked on them."""

from pathlib import Path

import numpy as np
import pytest
from truscore.datasets import load_image, read_dataset
from truscore.datasets.shapes.masks import annotation_mask

from tests.rendering.defects import DEFECT_NAMES, render_defects


def test_the_same_seed_gives_the_same_bytes_and_a_larger_set_begins_with_the_smaller(tmp_path: Path) -> None:
    small = render_defects(tmp_path / "small", count=2, seed=3, image_size=(64, 80))
    large = render_defects(tmp_path / "large", count=3, seed=3, image_size=(64, 80))
    for picture in sorted((small / "images").iterdir()):
        assert picture.read_bytes() == (large / "images" / picture.name).read_bytes()


def test_defects_are_read_as_instances_of_three_classes_inside_their_pictures(tmp_path: Path) -> None:
    index = read_dataset(render_defects(tmp_path / "set", count=12, seed=1, image_size=(96, 96))).index
    assert index is not None
    assert index.class_names == DEFECT_NAMES
    found = [(record, annotation) for record in index.images for annotation in record.annotations]
    assert {annotation.label for _, annotation in found} == {1, 2, 3}
    for record, annotation in found:
        x, y, width, height = annotation.box_xywh
        assert 0 <= x < x + width <= record.width
        assert 0 <= y < y + height <= record.height
        assert annotation.polygons


def test_a_stain_is_darker_where_it_is_marked_than_around_it(tmp_path: Path) -> None:
    folder = render_defects(tmp_path / "set", count=12, seed=1, image_size=(96, 96))
    index = read_dataset(folder).index
    assert index is not None
    stains = [(r, a) for r in index.images for a in r.annotations if DEFECT_NAMES[a.label - 1] == "stain"]
    for record, stain in stains:
        image_HW = load_image(folder / record.path).mean(axis=2)
        marked_HW = annotation_mask(stain, record.height, record.width)
        around_HW = np.zeros_like(marked_HW)
        x, y, width, height = (round(value) for value in stain.box_xywh)
        around_HW[max(y - 6, 0) : y + height + 6, max(x - 6, 0) : x + width + 6] = True
        assert image_HW[marked_HW].mean() < image_HW[around_HW & ~marked_HW].mean() - 10
    assert stains


@pytest.mark.parametrize(("count", "size"), [(0, 96), (1, 32)])
def test_an_empty_set_or_a_tiny_picture_is_refused(tmp_path: Path, count: int, size: int) -> None:
    with pytest.raises(ValueError, match="at least 1 image"):
        render_defects(tmp_path, count=count, seed=1, image_size=(size, size))
