"""Rendered damage: the same each time, where it is said to be, and readable as a dataset."""

from pathlib import Path

import numpy as np
import pytest
from truscore.datasets import annotation_mask, read_dataset
from truscore.synthesis import DAMAGE_NAMES, render_damage_dataset
from truscore.synthesis.damage import render_damaged

OPTIONS = tuple(DAMAGE_NAMES)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_same_seed_renders_the_same_damage(option: str, tmp_path: Path) -> None:
    folders = [
        render_damage_dataset(tmp_path / name, count=2, option=option, seed=3, image_size=(48, 48)) for name in "ab"
    ]
    files = [{path.name: path.read_bytes() for path in folder.rglob("*.*")} for folder in folders]
    assert files[0] == files[1]
    assert len(files[0]) == 3


@pytest.mark.parametrize("option", OPTIONS)
def test_a_dataset_of_damage_reads_without_a_problem(option: str, tmp_path: Path) -> None:
    folder = render_damage_dataset(tmp_path, count=6, option=option, seed=1, image_size=(64, 48))
    reading = read_dataset(folder)
    assert reading.index is not None
    assert not reading.problems
    assert reading.index.class_names == DAMAGE_NAMES[option]
    for number, record in enumerate(reading.index.images):
        labels_HW = render_damaged(np.random.default_rng([1, number]), 64, 48, option=option).labels_HW
        drawn_HW = np.zeros_like(labels_HW)
        for annotation in record.annotations:
            drawn_HW[annotation_mask(annotation, 48, 64)] = annotation.label
        np.testing.assert_array_equal(drawn_HW, labels_HW)


@pytest.mark.parametrize("option", OPTIONS)
def test_some_pictures_are_unharmed_and_most_are_not(option: str) -> None:
    shares = [
        (render_damaged(np.random.default_rng([5, number]), 40, 40, option=option).labels_HW > 0).mean()
        for number in range(24)
    ]
    assert 12 < sum(share > 0 for share in shares) < 24
    assert max(shares) < 0.5


def test_an_option_that_finds_no_damage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"quality_rating.*damage_detection, wear_detection"):
        render_damage_dataset(tmp_path / "out", count=1, option="quality_rating", seed=0)
    with pytest.raises(ValueError, match="32 x 32"):
        render_damage_dataset(tmp_path / "out", count=1, option="wear_detection", seed=0, image_size=(31, 64))
    assert not (tmp_path / "out").exists()
