"""What is known of an object's reflectance, out of a dataset that was read. H, W; N pixels of the mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from truscore.datasets import DatasetIndex, Limits
from truscore.datasets.formats.multi_light.reflectance_maps import load_reflectance
from truscore.photometric_stereo.ggx import Reflectance
from truscore.photometric_stereo.least_squares import Array
from truscore.photometric_stereo.views import InvalidViews


def read_reflectance_truth(
    root: Path, index: DatasetIndex, name: str, mask_HW: NDArray[np.bool_], *, limits: Limits | None = None
) -> Reflectance:
    """Albedo (the mean of its colours), roughness and F0 of the mask's pixels of the object called `name`.

    Raises InvalidViews where one of them is not known or has another size than the mask; UnreadableImage for files that
    changed since they were read.
    """
    lit_object = next((one for one in index.objects if one.name == name), None)
    found: dict[str, Array] = {}
    for what in ("albedo", "roughness", "f0"):
        known = getattr(lit_object, what, None)
        if known is None:
            raise InvalidViews(f"{name!r}: no {what} map; reflectance is known where albedo, roughness and F0 are")
        values_HW = load_reflectance(root / known.path, what, limits or Limits())
        if values_HW.shape != mask_HW.shape:
            raise InvalidViews(f"{name!r}: {known.path} is not of the views' size")
        found[what] = values_HW[mask_HW]
    return Reflectance(albedo_N=found["albedo"], roughness_N=found["roughness"], f0_N=found["f0"])
