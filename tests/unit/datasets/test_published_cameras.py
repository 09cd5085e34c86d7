"""Cameras as DiLiGenT-MV and MVSNet write them, read as `cameras.json` says the same."""

import json
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from truscore.datasets import read_dataset
from truscore.datasets.index.records import Camera

from tests.planted_faults import lit


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("views")
    lit.from_several_sides(folder, np.random.default_rng(3))
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """Two folders of views, and nothing that says where their cameras stood."""
    for path in written.iterdir():
        if path.is_dir():
            shutil.copytree(path, tmp_path / path.name)
    return tmp_path


@pytest.fixture
def views(written: Path) -> dict[str, Any]:
    return dict(json.loads((written / "cameras.json").read_text())["views"])


def cameras(folder: Path) -> tuple[dict[str, Camera | None], dict[str, str]]:
    reading = read_dataset(folder)
    assert reading.index is not None
    return (
        {each.name: each.camera for each in reading.index.objects},
        {problem.code: problem.message for problem in reading.problems},
    )


def matlab(matrices: Mapping[str, Any]) -> bytes:
    """A file of MATLAB 5 with these matrices of doubles."""
    content = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    for name, values in matrices.items():
        array = np.atleast_2d(np.asarray(values, np.float64))
        parts = b"".join(
            struct.pack("<II", kind, len(data)) + data.ljust((len(data) + 7) // 8 * 8, b"\0")
            for kind, data in (
                (6, struct.pack("<II", 6, 0)),
                (5, struct.pack("<ii", *array.shape)),
                (1, name.encode()),
                (9, array.tobytes(order="F")),
            )
        )
        content += struct.pack("<II", 14, len(parts)) + parts
    return content


def calibration(views: Mapping[str, Any], *, unit_um: float = 1000, **changes: Any) -> bytes:
    matrices: dict[str, Any] = {"KK": next(iter(views.values()))["K"], "kc": np.zeros((5, 1)), "nx": 64}
    for number, view in enumerate(views.values(), 1):
        matrices[f"Rc_{number}"] = view["R"]
        matrices[f"Tc_{number}"] = np.array(view["t"])[:, None] / unit_um
    return matlab(matrices | changes)


def mvsnet(folder: Path, views: Mapping[str, Any], *, depths: str = "5.5 0.02 51 6.5") -> None:
    (folder / "cams").mkdir()
    for number, view in enumerate(views.values()):
        extrinsic = np.eye(4)
        extrinsic[:3, :3], extrinsic[:3, 3] = view["R"], np.array(view["t"]) / 1000
        rows = ["extrinsic", *(" ".join(map(repr, map(float, row))) for row in extrinsic), "", "intrinsic"]
        rows += [*(" ".join(map(str, row)) for row in view["K"]), "", depths]
        (folder / "cams" / f"{number:08d}_cam.txt").write_text("\n".join(rows) + "\n")


def assert_same(camera: Camera | None, view: Mapping[str, Any]) -> None:
    assert camera is not None
    assert camera.intrinsics == pytest.approx(np.ravel(view["K"]))
    assert camera.rotation == pytest.approx(np.ravel(view["R"]))
    assert camera.translation == pytest.approx(view["t"])


def test_a_calibration_of_the_toolbox_is_read_with_the_ball_that_all_masks_fit_into(
    folder: Path, views: dict[str, Any]
) -> None:
    (folder / "Calib_Results.mat").write_bytes(calibration(views))
    found, problems = cameras(folder)
    assert not problems
    for name, view in views.items():
        camera = found[name]
        assert_same(camera, view)
        assert camera is not None
        # Both look at the origin from 6,000 um, where half a picture of 64 px is 640 um.
        assert camera.zero_um == pytest.approx(6000)
        assert camera.nearest_um > 6000 - 640 * 2**0.5
        assert camera.farthest_um - camera.nearest_um > 640


def test_cameras_of_mvsnet_are_read_with_their_range(folder: Path, views: dict[str, Any]) -> None:
    mvsnet(folder, views)
    (folder / "pair.txt").write_text("2\n0\n1 1 0.9\n1\n1 0 0.9\n")
    found, problems = cameras(folder)
    assert not problems
    for name, view in views.items():
        assert_same(found[name], view)
        assert (found[name].nearest_um, found[name].farthest_um) == pytest.approx((5500, 6500))  # type: ignore[union-attr]


def test_the_unit_of_lengths_is_the_declared_one_and_the_range_follows_from_its_intervals(
    folder: Path, views: dict[str, Any]
) -> None:
    mvsnet(folder, views, depths="5.5 0.01")
    (folder / "truscore.json").write_text('{"camera_unit": "m"}')
    found, problems = cameras(folder)
    assert not problems
    camera = found["ballPNG"]
    assert camera is not None
    assert camera.translation == pytest.approx((0, 0, 6e6))
    assert (camera.nearest_um, camera.farthest_um) == pytest.approx((5.5e6, (5.5 + 191 * 0.01) * 1e6))


def test_cameras_of_ours_come_before_others(folder: Path, written: Path, views: dict[str, Any]) -> None:
    (folder / "Calib_Results.mat").write_bytes(b"anything")
    (folder / "cameras.json").write_text((written / "cameras.json").read_text())
    found, problems = cameras(folder)
    assert not problems
    assert found["ballPNG"] is not None
    assert found["ballPNG"].nearest_um == 5500


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"KK": np.eye(2)}, "KK is 2 x 2; accepted is 3 x 3"),
        ({"Rc_2": np.eye(2)}, "Rc_2 is 2 x 2"),
        ({"Rc_3": np.eye(3)}, "cameras beyond the 2 folders"),
        ({"Rc_1": np.diag([1.0, 1.0, -1.0])}, "an axis is flipped"),
        ({"kc": [[0.9], [0], [0], [0], [0]]}, "accepted are undistorted pictures"),
    ],
)
def test_what_no_calibration_is_refused_with_what_is_accepted(
    folder: Path, views: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    (folder / "Calib_Results.mat").write_bytes(calibration(views, **changes))
    found, problems = cameras(folder)
    assert said in problems["label.cameras_unreadable"]
    assert not any(found.values())


def test_a_calibration_that_is_cut_off_is_named(folder: Path, views: dict[str, Any]) -> None:
    (folder / "Calib_Results.mat").write_bytes(calibration(views)[:-20])
    assert "beyond the end" in cameras(folder)[1]["label.cameras_unreadable"]


@pytest.mark.parametrize(
    ("pairs", "depths", "said"),
    [
        ("3\n0\n1 1 0.9\n1\n1 0 0.9\n", "5.5 0.02", "there are 2, numbered from 0"),
        ("2\n0\n1 7 0.9\n1\n1 0 0.9\n", "5.5 0.02", "there are 2, numbered from 0"),
        ("", "5.5 0.02", "there are 2"),
        ("2\n0\n1 1 0.9\n1\n1 0 0.9\n", "5.5", "no camera of MVSNet"),
        ("2\n0\n1 1 0.9\n1\n1 0 0.9\n", "5.5 nan", "no camera of MVSNet"),
        ("2\n0\n1 1 0.9\n1\n1 0 0.9\n", "5.5 far", "no camera of MVSNet"),
    ],
)
def test_what_no_camera_of_mvsnet_is_refused_with_what_is_accepted(
    folder: Path, views: dict[str, Any], pairs: str, depths: str, said: str
) -> None:
    mvsnet(folder, views, depths=depths)
    (folder / "pair.txt").write_text(pairs)
    assert said in cameras(folder)[1]["label.cameras_unreadable"]


def test_a_camera_without_a_folder_of_views_is_named(folder: Path, views: dict[str, Any]) -> None:
    mvsnet(folder, views | {"third": views["ballPNG"]})
    assert "3 files of cameras beside 2 folders" in cameras(folder)[1]["label.cameras_unreadable"]
