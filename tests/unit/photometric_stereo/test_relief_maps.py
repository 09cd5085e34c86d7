"""Dents found on bent cards. H height, W width; depth in pixels."""

import math

import numpy as np
import pytest
from truscore.photometric_stereo import cauchy_shading
from truscore.photometric_stereo.marks import find_marks
from truscore.photometric_stereo.relief_maps import lamp_deviation, relief_maps, without_bow
from truscore.synthesis.lit.relief import Relief, bell, bow, fold, grid, groove
from truscore.synthesis.lit.scene import spread_lights

SIDE = 96
X, Y = grid(SIDE, SIDE)
DENT = bell(X, Y, at=(8, -5), radii=(9, 9), turn=0).scaled(-2.0)  # 20 micrometres at a pitch of 10
BENT: Relief = bow(X, Y, turn=0.5, curvature=0.003) + DENT
WHOLE = np.ones((SIDE, SIDE), dtype=bool)


@pytest.mark.parametrize("elevation", [25, 45, 60])
def test_a_dent_of_20_micrometres_on_a_bent_card_is_measured_to_5(elevation: float) -> None:
    normals_N3 = BENT.normals().reshape(-1, 3)
    directions_L3 = spread_lights(np.random.default_rng(1), 4, (elevation, elevation + 0.1))
    light = 0.6 * np.clip(normals_N3 @ directions_L3.T, 0, None)
    found_N3 = cauchy_shading(np.round(255 * light) / 255, directions_L3).normals_N3
    depth_um_HW = 10 * relief_maps(found_N3.reshape(SIDE, SIDE, 3), WHOLE).depth_HW
    ground = np.median(depth_um_HW[np.hypot(X - 8, Y + 5) > 35])
    assert ground - depth_um_HW.min() == pytest.approx(20, abs=5)
    deepest = find_marks(depth_um_HW / 10, WHOLE)[0]
    assert deepest.kind == "dent"
    assert 10 * deepest.depth == pytest.approx(18.7, abs=0.2)  # as docs/how-to/measure-dents-and-scratches.md says


def test_plane_bow_and_twist_are_taken_away_whole() -> None:
    depth_HW = 3 + 0.1 * X - 0.02 * Y + 0.002 * X**2 + 0.001 * X * Y
    mask_HW = np.hypot(X, Y) < 40
    rest_HW = without_bow(np.where(mask_HW, depth_HW, np.nan), mask_HW)
    assert np.isnan(rest_HW[~mask_HW]).all()
    assert np.abs(rest_HW[mask_HW]).max() < 1e-9


def test_print_leaves_no_trace_in_the_lamps_deviation_and_a_dent_does() -> None:
    directions_L3 = spread_lights(np.random.default_rng(1), 4, (30, 30.1))
    print_HW = np.where(np.sin(X / 3) > 0, 0.9, 0.3)
    shade_LHW = np.einsum("hwx,lx->lhw", DENT.normals(), directions_L3) * print_HW
    deviation_HW = lamp_deviation(shade_LHW)
    dent_HW = np.abs(DENT.along_x) + np.abs(DENT.along_y) > 0.1
    far_HW = np.hypot(X - 8, Y + 5) > 40
    assert deviation_HW[dent_HW].mean() > 10 * deviation_HW[far_HW].mean()


def test_dents_and_lines_are_listed_with_length_and_depth_and_noise_is_not() -> None:
    """On a bent card with noise of 0.5 micrometres at a pitch of 10: a dent of 20, a scratch of 8 and 400 long."""
    scratch = groove(X, Y, at=(-15, 25), length=40, width=1.5, turn=0).scaled(-0.8)
    relief = BENT + scratch
    noise_HW = np.random.default_rng(2).normal(scale=0.05, size=relief.height.shape)
    depth_HW = without_bow(relief.height + noise_HW, WHOLE)
    dent, line = find_marks(depth_HW, WHOLE)
    assert (dent.kind, line.kind) == ("dent", "groove")
    assert 10 * dent.depth == pytest.approx(20, abs=5)
    assert (dent.x, dent.y) == pytest.approx((SIDE / 2 + 8, SIDE / 2 + 5), abs=1)
    assert 10 * line.depth == pytest.approx(8, abs=3)
    assert 10 * line.length == pytest.approx(400, rel=0.25)  # its ends run out
    assert find_marks(depth_HW, WHOLE, least_depth=1.5)[0].kind == "dent"
    assert find_marks(noise_HW, WHOLE) == ()


def test_a_fold_hides_neither_the_scratch_that_crosses_it_nor_the_dent_beside_it() -> None:
    """The fold is 100 times as deep as the scratch; all three are listed, and hardly anything else."""
    height, width = 240, 180
    x_HW, y_HW = grid(height, width)
    folded = fold(x_HW, y_HW, at=(0, -20), turn=2.0, width=3.0).scaled(-0.25)
    scratch = groove(x_HW, y_HW, at=(-40, 0), length=120, width=1.2, turn=1.8).scaled(-0.25)
    dent = bell(x_HW, y_HW, at=(45, 70), radii=(5, 5), turn=0).scaled(-0.5)
    noise_HW = np.random.default_rng(4).normal(scale=0.02, size=x_HW.shape)
    relief_HW = (folded + scratch + dent).height + noise_HW
    whole_HW = np.ones(relief_HW.shape, dtype=bool)
    marks = find_marks(without_bow(relief_HW, whole_HW), whole_HW)
    the_fold, the_dent, the_scratch, *others = marks
    assert (the_fold.kind, the_dent.kind, the_scratch.kind) == ("groove", "dent", "groove")
    assert the_fold.length > 200
    assert (the_dent.x, the_dent.y) == pytest.approx((width / 2 + 45, height / 2 - 70), abs=2)
    assert the_dent.depth == pytest.approx(0.5, abs=0.2)  # what is next to the fold's ground is not quite flat
    assert the_scratch.length == pytest.approx(120, abs=12)
    assert the_scratch.depth == pytest.approx(0.25, abs=0.06)
    right, down = the_scratch.half
    assert math.atan2(-down, right) % math.pi == pytest.approx(1.8, abs=0.03)
    assert all(mark.area < 60 for mark in others)
