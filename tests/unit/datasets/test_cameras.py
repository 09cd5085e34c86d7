"""Cameras of one thing's views: what cameras.json says, and what of it is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from truscore.datasets import DatasetIndex, read_dataset, split_dataset
from truscore.datasets.index.targets import MULTI_VIEW, has_target
from truscore.photometric_stereo import InvalidViews, read_views
from truscore.photometric_stereo.camera_views import read_camera_views

from tests.planted_faults import lit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lit.from_several_sides(tmp_path, np.random.default_rng(3))
    return tmp_path


def read(folder: Path) -> tuple[DatasetIndex, dict[str, str]]:
    reading = read_dataset(folder)
    assert reading.index is not None
    return reading.index, {problem.code: problem.message for problem in reading.problems}


def rewritten(folder: Path, **changes: Any) -> None:
    written = json.loads((folder / "cameras.json").read_text())
    for key, value in changes.items():
        (written if key in written else written["views"]["ballPNG"])[key] = value
    (folder / "cameras.json").write_text(json.dumps(written))


def test_a_camera_is_read_with_its_views_and_both_stay_in_one_part(folder: Path) -> None:
    index, problems = read(folder)
    assert not problems
    ball, bear = index.objects
    assert ball.camera is not None
    assert bear.camera is not None
    assert ball.camera.scene == bear.camera.scene
    assert (ball.camera.nearest_um, ball.camera.farthest_um, ball.camera.zero_um) == (5500, 6500, 6000)
    assert len({image.group for image in index.images}) == 1
    assert all(has_target(image, MULTI_VIEW, objects=index.objects) for image in index.images)
    split = split_dataset(index, seed=0, fractions=(0.5, 0.25, 0.25))
    assert max(map(len, (split.train, split.validation, split.test))) == len(index.images)


def test_depth_counts_from_the_plane_that_the_camera_names(folder: Path) -> None:
    index, _ = read(folder)
    (ball,) = read_camera_views(folder, index, ["ballPNG"])
    assert ball.views.depth_HW is not None
    inside_HW = ball.views.mask_HW
    assert np.allclose(ball.z_HW[inside_HW], 6000 - ball.views.depth_HW[inside_HW])


def test_lights_of_the_world_are_turned_into_each_cameras_axes(folder: Path) -> None:
    of_camera = read_views(folder, read(folder)[0], "ballPNG").directions()
    rewritten(folder, lights="world")
    index, _ = read(folder)
    camera = next(one for one in index.objects if one.name == "ballPNG").camera
    assert camera is not None
    rotation_33 = np.array(camera.rotation).reshape(3, 3)
    turned_L3 = read_views(folder, index, "ballPNG").directions()
    # Back again: y and z of lights are y and z of cameras the other way round.
    assert np.allclose(turned_L3 * (1, -1, -1) @ rotation_33, of_camera)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unit": "mm"}, "accepted is 'um'"),
        ({"lights": "table"}, "accepted are 'camera', 'world'"),
        ({"K": [[0, 0, 1], [0, 9, 1], [0, 0, 1]]}, "K is no camera's"),
        ({"K": [[9, 0, 1], [0, 9, 1]]}, "accepted are 3 rows"),
        ({"R": [[2, 0, 0], [0, 1, 0], [0, 0, 1]]}, "R is no rotation"),
        ({"R": [[1, 0, 0], [0, 1, 0], [0, 0, -1]]}, "an axis is flipped"),
        ({"t": [0, 0, float("inf")]}, "NaN, infinite"),
        ({"t": [0, 0, "far"]}, "expected a number"),
        ({"size": [3, 4]}, "its pictures are 64 x 64"),
        ({"depth_range": [9, 3]}, "0 < nearest < farthest"),
        ({"distortion": [0.2]}, "accepted are undistorted pictures"),
        ({"views": {}}, "0 views; accepted are 2"),
    ],
)
def test_what_no_camera_is_refused_with_what_is_accepted(folder: Path, changes: dict[str, Any], said: str) -> None:
    rewritten(folder, **changes)
    index, problems = read(folder)
    assert said in problems["label.cameras_unreadable"]
    assert not any(has_target(image, MULTI_VIEW, objects=index.objects) for image in index.images)


def test_a_view_without_a_camera_and_a_camera_without_a_view_are_named(folder: Path) -> None:
    written = json.loads((folder / "cameras.json").read_text())
    rewritten(folder, views=written["views"] | {"catPNG": written["views"]["ballPNG"]})
    assert "'catPNG': no folder of that name" in read(folder)[1]["label.cameras_unreadable"]


def test_views_of_no_camera_are_refused_by_the_name_of_the_file_that_lacks(folder: Path) -> None:
    (folder / "cameras.json").unlink()
    index, problems = read(folder)
    assert not problems
    with pytest.raises(InvalidViews, match=r"no cameras\.json"):
        read_camera_views(folder, index, ["ballPNG"])
