"""Views of one thing from several cameras as numbers that networks take. H, W; V views, L lights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from truscore.datasets import DatasetIndex
from truscore.datasets.index.records import Camera
from truscore.photometric_stereo.black_level import find_black_level
from truscore.photometric_stereo.least_squares import Array
from truscore.photometric_stereo.views import InvalidViews, LitViews, read_views


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraView:
    """What one camera saw under its lights, and where it stood; ``level_L`` is what it added to each light's samples.
    Lengths are micrometres."""

    views: LitViews
    level_L: Array
    camera: Camera

    @property
    def intrinsics_33(self) -> Array:
        return np.array(self.camera.intrinsics).reshape(3, 3)

    @property
    def rotation_33(self) -> Array:
        return np.array(self.camera.rotation).reshape(3, 3)

    @property
    def z_HW(self) -> Array:  # noqa: N802
        """The truth, along z away from the camera; NaN where nothing is known."""
        if self.views.depth_HW is None:
            return np.full(self.views.mask_HW.shape, np.nan)
        depth_HW: Array = self.camera.zero_um - self.views.depth_HW
        return depth_HW


def read_camera_views(root: Path, index: DatasetIndex, names: Sequence[str]) -> tuple[CameraView, ...]:
    """Of the objects called so. Raises InvalidViews and UnreadableImage as `read_views` does."""
    cameras = {one.name: one.camera for one in index.objects}
    found = []
    for name in names:
        camera = cameras.get(name)
        if camera is None:
            raise InvalidViews(f"{name!r}: no cameras.json says where its camera stood")
        views = read_views(root, index, name)
        level = find_black_level(views.samples_NL, views.directions(), share_L=views.share_L).level
        found.append(CameraView(views=views, level_L=level * views.share_L, camera=camera))
    return tuple(found)
