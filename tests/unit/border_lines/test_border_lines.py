"""Straight edges are placed to a fraction of a pixel where there are any, and nothing is moved where there are none."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from truscore.border_lines.refine import refine_border
from truscore.border_lines.strips import cut_strip, frame_along

SIZE = (360, 280)  # height, width
CARD = np.array([(40.0, 36.0), (240.0, 36.0), (240.0, 320.0), (40.0, 320.0)])


def turned(corners_42: NDArray[np.float64], degrees: float, shift: tuple[float, float]) -> NDArray[np.float64]:
    middle_2 = corners_42.mean(axis=0)
    angle = np.deg2rad(degrees)
    turn_22 = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    turned_42: NDArray[np.float64] = (corners_42 - middle_2) @ turn_22.T + middle_2 + shift
    return turned_42


def scan(*quads: tuple[NDArray[np.float64], int], ground: int = 40, noise: float = 3.0) -> NDArray[np.uint8]:
    """Quadrilaterals on a ground, each pixel their coverage of it, slightly out of focus and noisy."""
    picture = np.full(SIZE, float(ground))
    y_HW, x_HW = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] + 0.5
    for corners_42, level in quads:
        covered = np.ones(SIZE)
        for start_2, end_2 in zip(corners_42, np.roll(corners_42, -1, axis=0), strict=True):
            along_2 = (end_2 - start_2) / np.hypot(*(end_2 - start_2))
            inward_HW = (y_HW - start_2[1]) * along_2[0] - (x_HW - start_2[0]) * along_2[1]
            covered *= (inward_HW + 0.5).clip(0, 1)  # of a pixel that a nearly upright line cuts
        picture = picture * (1 - covered) + level * covered
    picture = cv2.GaussianBlur(picture, (0, 0), 0.7) + np.random.default_rng(1).normal(0, noise, SIZE)
    return np.repeat(picture.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


@given(x=st.floats(40, 80), y=st.floats(40, 80), length=st.floats(40, 150), degrees=st.floats(0, 360))
def test_a_strip_has_the_pixels_that_its_frame_names(x: float, y: float, length: float, degrees: float) -> None:
    rows, columns = np.mgrid[0:300, 0:300]
    ramp_HWC = np.stack([columns + 0.5, rows + 0.5], axis=-1)  # each pixel holds the place of its middle
    start_2 = np.array([x + 70, y + 70])
    end_2 = start_2 + length * np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))]) * 0.5
    frame = frame_along(start_2, end_2, reach_px=9, inset=0.1, step_px=2.0)
    strip = cut_strip(ramp_HWC, frame)
    for row, offset in ((0, frame.offsets_A[0]), (9, 0.0), (18, frame.offsets_A[-1])):
        for column in (0, len(frame.places_L) - 1):
            place_2 = frame.point(float(offset), float(frame.places_L[column]))
            # OpenCV weighs by 32nds of a pixel.
            assert strip.values_ALC[row, column] == pytest.approx(place_2, abs=1 / 31)
    assert strip.inside_AL.all()


def test_what_lies_beyond_the_image_is_marked() -> None:
    image_HWC = np.full((50, 60, 3), 9, np.uint8)
    frame = frame_along(np.array([5.0, 2.0]), np.array([55.0, 2.0]), reach_px=6, inset=0.0, step_px=1.0)
    strip = cut_strip(image_HWC, frame)
    rows = {offset: strip.inside_AL[row].all() for row, offset in enumerate(frame.offsets_A)}
    assert rows[1.0]
    assert rows[-6.0]
    assert not rows[3.0]
    assert (strip.values_ALC == 9).all()


@pytest.mark.parametrize("degrees", [-1.2, -0.4, 0.0, 0.7, 1.3])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.37, -0.61)])
def test_an_upright_box_becomes_the_turned_card(degrees: float, shift: tuple[float, float]) -> None:
    card_42 = turned(CARD, degrees, shift)
    image_HWC = scan((card_42, 200))
    low_2, high_2 = card_42.min(axis=0), card_42.max(axis=0)
    box_42 = np.array([low_2, (high_2[0], low_2[1]), high_2, (low_2[0], high_2[1])])
    border = refine_border(image_HWC, box_42)
    assert [side.kept for side in border.sides] == [""] * 4
    assert np.abs(border.corners_42 - card_42).max() < 0.05
    assert border.doubt < 0.1


def test_of_two_frames_the_one_near_the_label_is_taken() -> None:
    inner_42 = CARD + np.array([(9, 9), (-9, 9), (-9, -9), (9, -9)])
    image_HWC = scan((CARD, 200), (inner_42, 120))
    assert refine_border(image_HWC, CARD + 1.0).corners_42 == pytest.approx(CARD, abs=0.05)
    assert refine_border(image_HWC, inner_42 + 1.0).corners_42 == pytest.approx(inner_42, abs=0.05)


def test_no_side_moves_where_no_edge_stands_out() -> None:
    border = refine_border(scan(), CARD)
    assert [side.kept for side in border.sides] == ["no straight edge near it stands out"] * 4
    assert border.corners_42 == pytest.approx(CARD)
    assert border.doubt == 1.0


def test_print_that_runs_along_no_line_is_no_edge() -> None:
    image_HWC = np.random.default_rng(3).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    assert all(side.line is None for side in refine_border(image_HWC, CARD).sides)


def test_the_edge_of_the_picture_is_no_edge_of_the_card() -> None:
    whole_42 = np.array([(0.0, 0.0), (SIZE[1], 0.0), (SIZE[1], SIZE[0]), (0.0, SIZE[0])])
    border = refine_border(np.full((*SIZE, 3), 200, np.uint8), whole_42)
    assert border.corners_42 == pytest.approx(whole_42)


def test_a_side_without_length_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"a side of 1\.0 px is too short"):
        frame_along(np.zeros(2), np.array([1.0, 0.0]), reach_px=5, inset=0.0, step_px=1.0)
