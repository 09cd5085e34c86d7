"""Views that lie a few pixels beside the others of their object: found where there is print, else nothing is said."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageChops
from truscore.synthesis.lit import render_lit_scene
from truscore.validation import validate_folder
from truscore.validation.measures.view_shifts import ViewShift, view_shifts

from tests.planted_faults import lit

SIZE = (96, 96)
Grey = NDArray[np.float32]


def greys(kind: str, *, seed: int, lights: int, flecks: float = 0.0) -> list[Grey]:
    """Views of a rendered surface; with `flecks`, print of one pixel's fineness is on it."""
    random = np.random.default_rng(seed)
    scene = render_lit_scene(random, kind=kind, lights=lights, size=SIZE)
    print_HW = 1 - flecks * cv2.GaussianBlur(random.random(SIZE[::-1]), (0, 0), 0.8)
    return [(print_HW * picture_HW3.mean(axis=2)).astype(np.float32) for picture_HW3 in scene.pictures_LHW3]


def shifted(grey_HW: Grey, right: float, down: float) -> Grey:
    move_23 = np.array([[1, 0, right], [0, 1, down]], dtype=np.float64)
    moved = cv2.warpAffine(
        grey_HW, move_23, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )  # fmt: skip
    return moved.astype(np.float32)


def far(shifts: list[ViewShift | None]) -> list[int]:
    return [view for view, shift in enumerate(shifts) if shift is not None and shift.moved_px >= 1]


@pytest.mark.parametrize("px", [1.5, 2.0, 4.0])
def test_most_shifted_views_of_printed_cards_are_found_and_no_other_is_named(px: float) -> None:
    found_of = []
    for seed in range(12):
        turn, view = np.random.default_rng(seed).uniform(0, 2 * np.pi), seed % 4
        views = greys("card", seed=seed, lights=4 + seed % 3, flecks=0.9)
        right, down = px * np.cos(turn), px * np.sin(turn)
        views[view] = shifted(views[view], right, down)
        found = view_shifts(views, least_px=1)
        assert set(far(found)) <= {view}
        if far(found) and (shift := found[view]) is not None:
            found_of.append(seed)
            assert np.hypot(shift.right_px - right, shift.down_px - down) < 0.25 * px
    assert len(found_of) >= 10


@settings(max_examples=12, deadline=None)
@given(
    kind=st.sampled_from(["card", "ellipsoid", "blobs"]),
    seed=st.integers(0, 2**16),
    lights=st.integers(3, 10),
    flecks=st.sampled_from([0.0, 0.9]),
)
def test_of_views_that_lie_on_each_other_none_is_named_whatever_the_light(
    kind: str, seed: int, lights: int, flecks: float
) -> None:
    assert far(view_shifts(greys(kind, seed=seed, lights=lights, flecks=flecks), least_px=1)) == []


def test_of_a_thing_without_print_nothing_is_said_be_it_shifted_or_not() -> None:
    views = greys("ellipsoid", seed=3, lights=8)
    assert view_shifts(views, least_px=1) == [None] * 8
    views[2] = shifted(views[2], 3, 0)
    assert view_shifts(views, least_px=1) == [None] * 8


def test_of_two_views_nobody_knows_which_was_moved() -> None:
    views = greys("card", seed=3, lights=3, flecks=0.9)[:2]
    assert view_shifts([views[0], shifted(views[1], 4, 0)], least_px=1) == [None, None]


def test_blank_views_say_nothing() -> None:
    assert view_shifts([np.full((80, 80), 128, np.float32)] * 4, least_px=1) == [None] * 4


def test_the_finding_names_the_view_and_how_far_it_lies_off(tmp_path: Path) -> None:
    lit.diligent(tmp_path, np.random.default_rng(0))
    with Image.open(tmp_path / "003.png") as picture:
        ImageChops.offset(picture, 3, -2).save(tmp_path / "003.png")
    findings = validate_folder(tmp_path, category="photometric_stereo").findings
    (found,) = [each for each in findings if each.rule == "label.view_shifted"]
    assert (found.location, found.severity) == ("003.png", "warning")
    assert re.fullmatch(
        r"view lies 3\.\d px off the other views of '.*': in its middle [23]\.\d px right, [12]\.\d px up",
        found.message,
    )
