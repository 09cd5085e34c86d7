"""The views of one object as numbers that solvers take, out of a dataset that was read. H, W; N pixels, L lights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from truscore.datasets import DatasetIndex, Limits
from truscore.datasets.formats.multi_light.depth_map import load_depth
from truscore.datasets.formats.multi_light.object_maps import load_normals
from truscore.datasets.images.decode import opened, read_bounded, upright
from truscore.datasets.index.records import ImageRecord, LitObject
from truscore.datasets.index.response import Response
from truscore.datasets.reading.mask_file import binarise, load_mask
from truscore.photometric_stereo.least_squares import Array

MOST_SAMPLES = 200_000_000  # pixels times lights of one object, in 8 bytes each
_SIXTEEN_BITS = {"PNG", "TIFF"}  # formats whose colours may have them; Pillow would keep eight


class InvalidViews(ValueError):
    """Views that no solver can use, and what is accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LitViews:
    """One object: grey linear intensities 0 to 1 of the mask's pixels, each light's share divided out."""

    name: str
    samples_NL: Array
    directions_L3: Array | None  # unit vectors to the lights; None where a light is only named
    share_L: Array  # of a black level in each light's samples, since its intensity was divided out
    mask_HW: NDArray[np.bool_]
    normals_HW3: Array | None  # the truth, unit vectors within the mask
    depth_HW: Array | None = None  # the truth, micrometres towards the camera, NaN where nothing is known
    pitch_um: float = 0.0  # of a pixel; 0 where no depth tells it
    light_names: tuple[str, ...] = ()  # "top", "right", ...; empty texts where lights have directions instead

    def directions(self) -> Array:
        """Unit vectors to the lights; raises InvalidViews where a light is only named."""
        if self.directions_L3 is None:
            raise InvalidViews(f"{self.name!r}: not every view has a direction of its light; normals need them")
        return self.directions_L3

    def picture(self, values_N: Array, *, outside: float = 0.0) -> Array:
        """Values of the mask's pixels [N, ...] laid out as a picture [H, W, ...]."""
        laid_HW = np.full((*self.mask_HW.shape, *values_N.shape[1:]), outside)
        laid_HW[self.mask_HW] = values_N
        return laid_HW


def read_views(
    root: Path, index: DatasetIndex, name: str, *, limits: Limits | None = None, response: Response | None = None
) -> LitViews:
    """The views of the object called `name` of a `multi_light` dataset.

    Files are decoded as the dataset declares them (linear where nobody said), or by a `response` given here. Raises
    InvalidViews for views of several sizes or more samples than are held; UnreadableImage for files that changed since
    they were read.
    """
    limits = limits or Limits()
    images = [image for image in index.images if image.light is not None and image.light.object == name]
    lit_object = next((lit_object for lit_object in index.objects if lit_object.name == name), LitObject(name=name))
    directions_L3 = _directions(name, images, lit_object)
    mask_HW = _mask(root, lit_object, images[0], limits)
    response = response or lit_object.response or Response()
    count = int(mask_HW.sum())
    if count * len(images) > MOST_SAMPLES:
        text = (
            f"{count} pixels under {len(images)} lights; at most {MOST_SAMPLES} samples are held: make a mask smaller"
        )
        raise InvalidViews(f"{name!r}: {text}")
    samples_NL = np.empty((count, len(images)))
    for at, image in enumerate(images):
        samples_NL[:, at] = _grey(root / image.path, image, limits, response)[mask_HW]
    normals_HW3 = _normals(root, lit_object, mask_HW, limits)
    depth_HW = _depth(root, lit_object, mask_HW, limits)
    return LitViews(
        name=name,
        samples_NL=samples_NL,
        directions_L3=directions_L3,
        share_L=np.array([_share(image) for image in images]),
        mask_HW=mask_HW,
        normals_HW3=normals_HW3,
        depth_HW=depth_HW,
        pitch_um=lit_object.depth.pitch_um if lit_object.depth is not None else 0.0,
        light_names=tuple(image.light.name if image.light else "" for image in images),
    )


def _share(image: ImageRecord) -> float:
    intensity_rgb = image.light.intensity_rgb if image.light else None
    return float(np.mean(1 / np.array(intensity_rgb))) if intensity_rgb else 1.0


def _directions(name: str, images: list[ImageRecord], lit_object: LitObject) -> Array | None:
    if not images:
        raise InvalidViews(f"no view of an object called {name!r}")
    if len(sizes := {(image.width, image.height) for image in images}) > 1:
        raise InvalidViews(f"{name!r}: views of {len(sizes)} sizes; accepted are views that lie on each other")
    given = [image.light.direction for image in images if image.light and image.light.direction is not None]
    if len(given) < len(images):
        return None
    directions_L3 = np.array(given)
    unit_L3: Array = directions_L3 / np.linalg.norm(directions_L3, axis=1, keepdims=True)
    camera = lit_object.camera
    if camera is not None and camera.lights == "world":
        # Into the camera's axes, and from these (y DOWN, z away) into those of lights.
        unit_L3 = unit_L3 @ np.array(camera.rotation).reshape(3, 3).T * np.array([1.0, -1.0, -1.0])
    return unit_L3


def _mask(root: Path, lit_object: LitObject, image: ImageRecord, limits: Limits) -> NDArray[np.bool_]:
    if lit_object.mask is None:
        return np.ones((image.height, image.width), dtype=bool)
    mask_HW = binarise(load_mask(root / lit_object.mask.path, limits), threshold=None).mask_HW
    if mask_HW.shape != (image.height, image.width):
        size = f"{mask_HW.shape[1]} x {mask_HW.shape[0]}"
        raise InvalidViews(f"{lit_object.name!r}: a mask of {size} for views of {image.width} x {image.height}")
    return mask_HW


def _normals(root: Path, lit_object: LitObject, mask_HW: NDArray[np.bool_], limits: Limits) -> Array | None:
    if lit_object.normals is None:
        return None
    normals_HW3 = load_normals(root / lit_object.normals.path, limits)
    if normals_HW3.shape[:2] != mask_HW.shape:
        raise InvalidViews(f"{lit_object.name!r}: {lit_object.normals.path} is not of the views' size")
    length_HW1 = np.linalg.norm(normals_HW3, axis=2, keepdims=True)
    unit_HW3: Array = np.where(mask_HW[..., None], normals_HW3 / np.maximum(length_HW1, 1e-6), 0.0)
    return unit_HW3


def _depth(root: Path, lit_object: LitObject, mask_HW: NDArray[np.bool_], limits: Limits) -> Array | None:
    if lit_object.depth is None:
        return None
    depth_HW = load_depth(root / lit_object.depth.path, limits)
    if depth_HW.shape != mask_HW.shape:
        raise InvalidViews(f"{lit_object.name!r}: {lit_object.depth.path} is not of the views' size")
    known_HW: Array = np.where(mask_HW, depth_HW, np.nan)
    return known_HW


def _grey(path: Path, image: ImageRecord, limits: Limits, response: Response) -> Array:
    """Linear intensity [H, W]: each colour by its light's share first, then their mean."""
    linear_HWC = response.decoded(_colours(path, image, limits))
    if image.light is not None and image.light.intensity_rgb is not None:
        linear_HWC = linear_HWC / np.array(image.light.intensity_rgb)
    grey_HW: Array = linear_HWC.mean(axis=2)
    return grey_HW


def _colours(path: Path, image: ImageRecord, limits: Limits) -> Array:
    """Red, green, blue [H, W, C], 0 to 1, of eight or sixteen bits."""
    content = read_bounded(path, limits=limits)
    with opened(content, limits=limits) as picture:
        if picture.format not in _SIXTEEN_BITS or image.orientation != 1:
            return _fractions(upright(picture))
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if decoded is None or decoded.dtype not in (np.uint8, np.uint16):
        raise InvalidViews(f"{path}: its pixels cannot be decoded as 8 or 16 bits a colour")
    return _fractions(decoded[..., ::-1])


def _fractions(stored_HWC: NDArray[Any]) -> Array:
    fractions_HWC: Array = stored_HWC / float(np.iinfo(stored_HWC.dtype).max)
    return fractions_HWC
