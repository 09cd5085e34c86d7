"""Objects of a dataset as what a model of views is fed with. H height, W width, L lights, N pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from truscore.datasets import DatasetIndex
from truscore.datasets.index.targets import scenes_in
from truscore.photometric_stereo import InvalidViews, find_black_level, read_views
from truscore.photometric_stereo.camera_views import CameraView, read_camera_views
from truscore.photometric_stereo.ggx import Reflectance
from truscore.photometric_stereo.reflectance_truth import read_reflectance_truth
from truscore.zoo.photometric.multi_view_network import INTERVALS

from services.exporter.child.export_target import Picture, Views

REFLECTANCE_MAPS = 3  # albedo, roughness, F0


@dataclass(frozen=True, kw_only=True, slots=True)
class LitExample:
    """An object's views and, where they are known, its normals, depth and reflectance: zeros, NaN and None where not.
    ``share_L`` are the largest numbers that a file can hold, since each light's intensity was divided out."""

    name: str
    views: Views
    mask_HW: NDArray[np.bool_]
    normals_HW3: NDArray[np.float64]
    depth_HW: NDArray[np.float64]
    pitch_um: float
    share_L: NDArray[np.float64]
    reflectance: Reflectance | None = None
    interval_um: float = 0.0  # of the depth range of several cameras; 0 for one

    @property
    def fed(self) -> Picture:
        """For what hands on whatever a model takes, and looks at none of it."""
        return cast(Picture, self.views)


def load_examples(
    folder: Path, index: DatasetIndex, names: Sequence[str], *, kind: str, measured: bool = True
) -> tuple[LitExample, ...]:
    """As a model of the task ``kind`` is fed, with what is ``measured`` of the lights or without. Raises InvalidViews,
    InvalidLights, UnreadableImage or OSError."""
    return tuple(_load(folder, index, name, kind, measured) for name in names)


def _load(folder: Path, index: DatasetIndex, name: str, kind: str, measured: bool) -> LitExample:
    views = read_views(folder, index, name)
    grey_LHW = np.zeros((len(views.share_L), *views.mask_HW.shape), dtype=np.float32)
    grey_LHW[:, views.mask_HW] = views.samples_NL.T
    of_lights: dict[str, NDArray[np.float32]] = {}
    if measured:
        directions_L3 = views.directions()
        level = find_black_level(views.samples_NL, directions_L3, share_L=views.share_L).level
        of_lights["lights"] = directions_L3.astype(np.float32)
        of_lights["black_level"] = (level * views.share_L).astype(np.float32)
    else:
        # As the camera has them: what reading divided by each light's intensity is made undone.
        intensity_L = (1 / views.share_L) / (1 / views.share_L).mean()
        grey_LHW *= intensity_L.astype(np.float32)[:, None, None]
    fed = {
        # The network looks at the mean of the colours; grey views are what training reads of a file.
        "views": np.repeat(grey_LHW[:, None], 3, axis=1),
        **of_lights,
        "present": np.ones(len(views.share_L), dtype=np.float32),
        "mask": views.mask_HW.astype(np.float32),
    }
    if kind == "depth_estimation":
        fed["pitch_um"] = np.array([views.pitch_um or 1.0], dtype=np.float32)
    known_HW3 = views.normals_HW3 if views.normals_HW3 is not None else np.zeros((*views.mask_HW.shape, 3))
    known = next((each for each in index.objects if each.name == name), None)
    whole = known is not None and len(known.reflectance) == REFLECTANCE_MAPS
    return LitExample(
        name=name,
        views=fed,
        mask_HW=views.mask_HW,
        normals_HW3=known_HW3,
        depth_HW=views.depth_HW if views.depth_HW is not None else np.full(views.mask_HW.shape, np.nan),
        pitch_um=views.pitch_um or 1.0,
        share_L=views.share_L,
        reflectance=read_reflectance_truth(folder, index, name, views.mask_HW) if whole else None,
    )


def load_scenes(folder: Path, index: DatasetIndex, names: Sequence[str]) -> tuple[LitExample, ...]:
    """Objects beside those that other cameras saw of the same; raises as `load_examples` does."""
    others = {name: known for known in scenes_in(index.objects).values() for name in known}
    found = []
    for name in names:
        seen = read_camera_views(folder, index, (name, *(each for each in others[name] if each != name)))
        camera = seen[0].camera
        middle_um = (camera.nearest_um + camera.farthest_um) / 2
        found.append(
            LitExample(
                name=name,
                views=_fed_by_cameras(seen),
                mask_HW=seen[0].views.mask_HW,
                normals_HW3=np.zeros((*seen[0].views.mask_HW.shape, 3)),
                depth_HW=middle_um - seen[0].z_HW,
                pitch_um=seen[0].views.pitch_um or 1.0,
                share_L=seen[0].views.share_L,
                interval_um=(camera.farthest_um - camera.nearest_um) / INTERVALS,
            )
        )
    return tuple(found)


def _fed_by_cameras(seen: Sequence[CameraView]) -> Views:
    """Filled up to the most lights; cameras of other sizes than the first one's are laid into the largest."""
    rows, columns = (max(view.views.mask_HW.shape[axis] for view in seen) for axis in (0, 1))
    if seen[0].views.mask_HW.shape != (rows, columns):
        raise InvalidViews(f"{seen[0].views.name!r}: another camera's picture is larger; accepted is the largest first")
    lights = max(len(view.level_L) for view in seen)
    views_VLHW, mask_VHW = np.zeros((len(seen), lights, rows, columns)), np.zeros((len(seen), rows, columns))
    lights_VL3, level_VL = np.zeros((len(seen), lights, 3)), np.zeros((len(seen), lights))
    present_VL = np.zeros((len(seen), lights))
    for place, view in enumerate(seen):
        count, (height, width) = len(view.level_L), view.views.mask_HW.shape
        grey_LHW = np.zeros((count, height, width))
        grey_LHW[:, view.views.mask_HW] = view.views.samples_NL.T
        views_VLHW[place, :count, :height, :width] = grey_LHW
        mask_VHW[place, :height, :width] = view.views.mask_HW
        lights_VL3[place, :count], level_VL[place, :count] = view.views.directions(), view.level_L
        present_VL[place, :count] = 1
    camera = seen[0].camera
    plain = {
        "views": np.repeat(views_VLHW[:, :, None], 3, axis=2),
        "lights": lights_VL3,
        "black_level": level_VL,
        "present": present_VL,
        "mask": mask_VHW,
        "intrinsics": np.stack([view.intrinsics_33 for view in seen]),
        "rotation": np.stack([view.rotation_33 for view in seen]),
        "translation": np.stack([np.array(view.camera.translation) for view in seen]),
        "depth_range": np.array([camera.nearest_um, camera.farthest_um]),
    }
    return {name: values.astype(np.float32) for name, values in plain.items()}
