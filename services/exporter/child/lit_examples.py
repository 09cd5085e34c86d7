"""Objects of a dataset as what a model of views is fed with. H height, W width, L lights, N pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from truscore.datasets import DatasetIndex
from truscore.photometric_stereo import find_black_level, read_views
from truscore.photometric_stereo.ggx import Reflectance
from truscore.photometric_stereo.reflectance_truth import read_reflectance_truth

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

    @property
    def fed(self) -> Picture:
        """For what hands on whatever a model takes, and looks at none of it."""
        return cast(Picture, self.views)


def load_examples(folder: Path, index: DatasetIndex, names: Sequence[str], *, kind: str) -> tuple[LitExample, ...]:
    """As a model of the task ``kind`` is fed. Raises InvalidViews, InvalidLights, UnreadableImage or OSError."""
    return tuple(_load(folder, index, name, kind) for name in names)


def _load(folder: Path, index: DatasetIndex, name: str, kind: str) -> LitExample:
    views = read_views(folder, index, name)
    directions_L3 = views.directions()
    level = find_black_level(views.samples_NL, directions_L3, share_L=views.share_L).level
    grey_LHW = np.zeros((len(directions_L3), *views.mask_HW.shape), dtype=np.float32)
    grey_LHW[:, views.mask_HW] = views.samples_NL.T
    fed = {
        # The network looks at the mean of the colours; grey views are what training reads of a file.
        "views": np.repeat(grey_LHW[:, None], 3, axis=1),
        "lights": directions_L3.astype(np.float32),
        "black_level": (level * views.share_L).astype(np.float32),
        "present": np.ones(len(directions_L3), dtype=np.float32),
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
