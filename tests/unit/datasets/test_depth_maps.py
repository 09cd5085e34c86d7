"""Depths of objects under many lights: what depth.npy and pixel_pitch.txt say, and what of them is refused."""

from pathlib import Path

import numpy as np
import pytest
from truscore.datasets import DatasetIndex, read_dataset
from truscore.photometric_stereo import read_views

from tests.planted_faults import lit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lit.measured(tmp_path, np.random.default_rng(3))
    return tmp_path


def read(folder: Path) -> tuple[DatasetIndex, dict[str, str]]:
    reading = read_dataset(folder)
    assert reading.index is not None
    return reading.index, {problem.code: problem.message for problem in reading.problems}


def test_a_depth_is_read_in_micrometres_with_the_length_of_a_pixel(folder: Path) -> None:
    (folder / "ballPNG/pixel_pitch.txt").write_text("12.5\n")
    depth_HW = np.load(folder / "ballPNG/depth.npy")
    mask_HW = read_views(folder, read(folder)[0], "ballPNG").mask_HW
    depth_HW[np.nonzero(mask_HW)[0][0], np.nonzero(mask_HW)[1][0]] = np.inf
    np.save(folder / "ballPNG/depth.npy", depth_HW)
    index, problems = read(folder)
    ball = next(one for one in index.objects if one.name == "ballPNG")
    assert ball.depth is not None
    assert (ball.depth.pitch_um, ball.depth.expected_px - ball.depth.known_px) == (12.5, 1)
    assert not problems
    views = read_views(folder, index, "ballPNG")
    assert views.depth_HW is not None
    assert views.pitch_um == 12.5
    assert (np.isfinite(views.depth_HW) == (mask_HW & np.isfinite(depth_HW))).all()
    known_HW = np.isfinite(views.depth_HW)
    assert (views.depth_HW[known_HW] == depth_HW[known_HW]).all()


@pytest.mark.parametrize("pitch", ["", "0", "-3", "nan", "twenty", "1e9", "12.5 13", "9" * 100, "\xff"])
def test_a_pitch_that_is_no_length_is_refused_with_what_is_accepted(folder: Path, pitch: str) -> None:
    (folder / "ballPNG/pixel_pitch.txt").write_text(pitch, encoding="latin-1")
    index, problems = read(folder)
    assert [one.depth is None for one in index.objects] == [True, False]
    assert "accepted is one number of micrometres above 0" in problems["label.depth_unreadable"]


def test_without_a_pitch_nothing_says_how_deep_a_dent_is(folder: Path) -> None:
    (folder / "bearPNG/pixel_pitch.txt").unlink()
    _, problems = read(folder)
    assert "no pixel_pitch.txt says how many micrometres a pixel is" in problems["label.depth_unreadable"]


def test_a_picture_of_the_depth_is_no_view(folder: Path) -> None:
    views = len(read(folder)[0].images)
    (folder / "ballPNG/filenames.txt").unlink()
    (folder / "ballPNG/depth.png").write_bytes((folder / "ballPNG/001.png").read_bytes())
    assert len(read(folder)[0].images) == views
