"""Cameras as published sets have them, in the words of `cameras.json`.

DiLiGenT-MV (Li et al. 2020): `Calib_Results.mat` of the Camera Calibration Toolbox for MATLAB above the folders of the
views, with KK, and Rc_1, Tc_1, ... for the folders in their order. MVSNet (Yao et al. 2018): a folder `cams` with one
`NUMBER_cam.txt` for each folder of views, in their order, and `pair.txt`, which is held against them. Both count in
millimetres; `camera_unit` in truscore.json says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from truscore.datasets.formats.multi_light.invalid_camera import InvalidCamera
from truscore.datasets.formats.multi_light.matlab_file import matlab_matrices
from truscore.datasets.limits import Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

CALIBRATION, CAMERA_FOLDER, CAMERA_END, PAIRS = "calib_results.mat", "cams", "_cam.txt", "pair.txt"
MICROMETRES = {"um": 1.0, "mm": 1e3, "m": 1e6}
_PLANES = 192  # of MVSNet, where a file of a camera does not say how many intervals its range has
_MOST_DISTORTED_PX = 0.5  # at a corner: what a picture of a pinhole camera may be off

Box = tuple[float, float, float, float]  # left, upper, right, lower, pixels
View = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """Folders of views in their order, the size of each one's pictures, what its mask marks, and the unit of lengths
    in micrometres."""

    names: Sequence[str]
    sizes: Mapping[str, tuple[int, int]]
    boxes: Mapping[str, Box]
    unit_um: float


def toolbox_views(content: bytes, scene: Scene, limits: Limits) -> dict[str, View]:
    """Of each folder, in their order. Raises InvalidCamera, and UnreadableImage where the file is none of MATLAB.

    The toolbox says no range of depths: it is that of the ball around the point nearest to all optical axes which every
    mask fits into.
    """
    import numpy as np

    given, names, sizes = matlab_matrices(content, limits), scene.names, scene.sizes
    intrinsics_33 = _matrix(given, "KK", (3, 3))
    distortion = given.get("kc", np.zeros((1, 1))).ravel()
    found: dict[str, View] = {}
    for number, name in enumerate(names, 1):
        rotation_33, moved_3 = _matrix(given, f"Rc_{number}", (3, 3)), _matrix(given, f"Tc_{number}", (3, 1))[:, 0]
        off_px = _distorted_px(distortion, intrinsics_33, sizes[name])
        if off_px > _MOST_DISTORTED_PX:
            raise InvalidCamera(f"kc moves a corner by {off_px:.1f} px; accepted are undistorted pictures (0.5 px)")
        found[name] = _view(intrinsics_33, rotation_33, moved_3 * scene.unit_um, sizes[name])
    if f"Rc_{len(names) + 1}" in given:
        raise InvalidCamera(f"it has cameras beyond the {len(names)} folders of views beside it")
    centre_3, radius = _ball(found, scene.boxes)
    for view in found.values():
        z = float((np.array(view["R"]) @ centre_3 + view["t"])[2])
        view["depth_range"] = [z - radius, z + radius]
    return found


def mvsnet_views(texts: Sequence[str], scene: Scene) -> dict[str, View]:
    """Of each folder, in the order of the files of cameras. Raises InvalidCamera."""
    if len(texts) != len(scene.names):
        accepted = "accepted is one each"
        raise InvalidCamera(f"{len(texts)} files of cameras beside {len(scene.names)} folders of views; {accepted}")
    return {
        name: _of_text(text, scene.sizes[name], scene.unit_um) for text, name in zip(texts, scene.names, strict=True)
    }


def check_pairs(text: str, views: int) -> None:
    """What pair.txt says has to be of as many views. Raises InvalidCamera."""
    count, *rows = [line.split() for line in text.split("\n") if line.strip()] or [[]]
    # A line with the view, then one with the count of its sources, each with a score.
    words = [word for row in rows[::2] for word in row] + [word for row in rows[1::2] for word in row[1::2]]
    named = [int(word) for word in words if word.isdecimal()]
    if count != [str(views)] or len(named) != len(words) or any(each >= views for each in named):
        raise InvalidCamera(f"{PAIRS} is of {' '.join(count)!r:.20} views; there are {views}, numbered from 0")


def _of_text(text: str, size: tuple[int, int], unit_um: float) -> View:
    import numpy as np

    words = text.split()
    try:
        at = words.index("intrinsic")
        numbers = [float(word) for word in (*words[1:at], *words[at + 1 :])]
    except ValueError as error:
        raise InvalidCamera(f"no camera of MVSNet: {error}") from error
    if words[0] != "extrinsic" or at != 17 or len(numbers) not in (27, 28, 29) or not all(map(math.isfinite, numbers)):
        raise InvalidCamera(
            "no camera of MVSNet: accepted are extrinsic with 16 numbers, intrinsic with 9, least depth and interval, "
            "and after these the count of depths and the farthest"
        )
    extrinsic_44, intrinsics_33 = np.reshape(numbers[:16], (4, 4)), np.reshape(numbers[16:25], (3, 3))
    nearest, interval, *rest = numbers[25:]
    farthest = rest[1] if len(rest) == 2 else nearest + interval * ((rest[0] if rest else _PLANES) - 1)
    view = _view(intrinsics_33, extrinsic_44[:3, :3], extrinsic_44[:3, 3] * unit_um, size)
    return view | {"depth_range": [nearest * unit_um, farthest * unit_um]}


def _view(intrinsics_33: NDArray[Any], rotation_33: NDArray[Any], moved_3: NDArray[Any], size: tuple[int, int]) -> View:
    return {"K": intrinsics_33.tolist(), "R": rotation_33.tolist(), "t": moved_3.tolist(), "size": list(size)}


def _matrix(given: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, int]) -> NDArray[Any]:
    found = given.get(name)
    if found is None or found.shape != shape:
        what = "is missing" if found is None else f"is {found.shape[0]} x {found.shape[1]}"
        raise InvalidCamera(f"{name} {what}; accepted is {shape[0]} x {shape[1]}")
    return found


def _distorted_px(distortion: NDArray[Any], intrinsics_33: NDArray[Any], size: tuple[int, int]) -> float:
    """How far the toolbox's model moves the farthest corner (Brown 1966): two radial, two tangential, a radial one."""
    import numpy as np

    radial_1, radial_2, across, down, radial_3 = np.resize(np.append(distortion, np.zeros(5)), 5)
    farthest = 0.0
    for corner in ((0, 0), (size[0] - 1, 0), (0, size[1] - 1), (size[0] - 1, size[1] - 1)):
        x, y, _ = np.linalg.solve(intrinsics_33, [*corner, 1.0])
        r = x * x + y * y
        scale = radial_1 * r + radial_2 * r**2 + radial_3 * r**3
        moved = (
            x * scale + 2 * across * x * y + down * (r + 2 * x * x),
            y * scale + across * (r + 2 * y * y) + 2 * down * x * y,
        )
        farthest = max(farthest, math.hypot(intrinsics_33[0, 0] * moved[0], intrinsics_33[1, 1] * moved[1]))
    return farthest


def _ball(views: Mapping[str, View], boxes: Mapping[str, Box]) -> tuple[NDArray[Any], float]:
    """Centre in the world and radius: nearest to all optical axes, and as wide as the farthest corner of any mask."""
    import numpy as np

    left_33, right_3 = np.zeros((3, 3)), np.zeros(3)
    for view in views.values():
        rotation_33, moved_3 = np.array(view["R"]), np.array(view["t"])
        across_33 = np.eye(3) - np.outer(rotation_33[2], rotation_33[2])
        left_33 += across_33
        right_3 += across_33 @ (-rotation_33.T @ moved_3)
    if np.linalg.cond(left_33) > 1e6:
        raise InvalidCamera("all cameras look the same way: their axes meet nowhere, and no range of depths is said")
    centre_3 = np.linalg.solve(left_33, right_3)
    radius = 0.0
    for name, view in views.items():
        seen_3 = np.array(view["R"]) @ centre_3 + view["t"]
        across, _, middle_x, _, down, middle_y, *_ = np.ravel(view["K"])
        width, height = view["size"]
        left, upper, right, lower = boxes.get(name, (0, 0, width - 1, height - 1))
        for x in (left, right):
            for y in (upper, lower):
                away = ((x - middle_x) / across * seen_3[2] - seen_3[0], (y - middle_y) / down * seen_3[2] - seen_3[1])
                radius = max(radius, math.hypot(*away))
    return centre_3, radius
