"""Objects under many lights whose normals are known: a rendered one with a normal map, a photographed sphere."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from truscore.datasets import read_dataset
from truscore.photometric_stereo import LitViews, read_views

BUNNY, SPHERE = "ps_bunny_diligent_layout", "ps_uw_psmimages"
FEWER = (4, 8, 12, 24)
# Degrees that the black level with Cauchy's weights may be off in the mean.
MOST_DEG = {"bunny, 50 lights": 0.4, "gray sphere, 12 lights": 5.1}


def objects(data: Path) -> list[LitViews]:
    """The real objects that are at hand, the bunny under fewer lights too: spread evenly over the list."""
    found = []
    if (data / BUNNY).is_dir():
        bunny = views_of(data / BUNNY, ".")
        found += [subset(bunny, count) for count in FEWER]
        found.append(replace(bunny, name="bunny, 50 lights"))
    if (data / SPHERE).is_dir():
        sphere = views_of(data / SPHERE, "gray/gray")
        found.append(replace(sphere, name="gray sphere, 12 lights", normals_HW3=sphere_normals(sphere.mask_HW)))
    return found


def subset(bunny: LitViews, count: int) -> LitViews:
    at = np.linspace(0, len(bunny.directions()) - 1, count).round().astype(int)
    return replace(
        bunny,
        name=f"bunny, {count} lights",
        samples_NL=bunny.samples_NL[:, at],
        directions_L3=bunny.directions()[at],
        share_L=bunny.share_L[at],
    )


def sphere_normals(mask_HW: np.ndarray) -> np.ndarray:
    """Unit normals [H, W, 3] of the sphere that fills the mask's box; zeros outside its circle."""
    down_N, across_N = np.nonzero(mask_HW)
    radius = (np.ptp(across_N) + 1) / 2
    rows_HW, columns_HW = np.indices(mask_HW.shape)
    x_HW = (columns_HW - (across_N.min() + across_N.max()) / 2) / radius
    y_HW = ((down_N.min() + down_N.max()) / 2 - rows_HW) / radius
    rest_HW = 1 - x_HW**2 - y_HW**2
    normals_HW3 = np.stack([x_HW, y_HW, np.sqrt(np.maximum(rest_HW, 0))], axis=-1)
    return np.where((rest_HW >= 0)[..., None], normals_HW3, 0.0)


def views_of(root: Path, name: str) -> LitViews:
    index = read_dataset(root).index
    assert index is not None
    return read_views(root, index, name)
