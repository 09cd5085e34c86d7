"""Normals that a solver proposes, as a dataset that networks are trained on (DiLiGenT's layout, format multi_light)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from truscore.datasets import DatasetIndex
from truscore.datasets.index.response import Response
from truscore.datasets.paths import suffix_of
from truscore.datasets.reading.declaration import DECLARATION_FILE, Declaration, declaration_to_json
from truscore.photometric_stereo.least_squares import Array
from truscore.photometric_stereo.views import LitViews

PROVENANCE = "proposal.json"


def declare_proposals(folder: Path, index: DatasetIndex, *, solver: str, response: Response | None = None) -> None:
    """truscore.json, which says that the normals are a solver's, and how the views' files are decoded."""
    folder.mkdir(parents=True, exist_ok=True)
    declared = next((one.response for one in index.objects if one.response is not None), None)
    declaration = replace(Declaration(), format="multi_light", proposed_normals=solver, response=response or declared)
    (folder / DECLARATION_FILE).write_text(declaration_to_json(declaration), encoding="utf-8")


def write_proposal(
    home: Path, views: LitViews, normals_HW3: Array, *, given: tuple[Path, DatasetIndex], provenance: Mapping[str, Any]
) -> None:
    """The object's views as they are in the dataset `given`, its lights as they were measured, its mask, the normals,
    and where they come from.

    Maps of the dataset itself (its own normals, depth, reflectance) are left out. Raises InvalidViews for lights
    without directions.
    """
    root, index = given
    directions_L3 = views.directions()
    images = [image for image in index.images if image.light is not None and image.light.object == views.name]
    home.mkdir(parents=True)
    names = [f"{number:03d}{suffix_of(image.path)}" for number, image in enumerate(images, start=1)]
    for name, image in zip(names, images, strict=True):
        shutil.copyfile(root / image.path, home / name)
    (home / "filenames.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    np.savetxt(home / "light_directions.txt", directions_L3, fmt="%.9f")
    intensities = [image.light.intensity_rgb for image in images if image.light and image.light.intensity_rgb]
    if len(intensities) == len(images):
        np.savetxt(home / "light_intensities.txt", np.array(intensities), fmt="%.9f")
    _, mask = cv2.imencode(".png", views.mask_HW.astype(np.uint8) * 255)
    (home / "mask.png").write_bytes(mask.tobytes())
    np.save(home / "normals.npy", np.where(views.mask_HW[..., None], normals_HW3, 0.0).astype(np.float32))
    (home / PROVENANCE).write_text(json.dumps(dict(provenance), indent=1) + "\n", encoding="utf-8")
