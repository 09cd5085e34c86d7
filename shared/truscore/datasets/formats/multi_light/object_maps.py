"""What a mask or a normal map says of an object's pixels.

Array legend: H height, W width, C or XYZ components, N pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truscore.datasets.formats.multi_light.exr_file import exr_normals
from truscore.datasets.formats.multi_light.matlab_file import matlab_normals
from truscore.datasets.formats.multi_light.numpy_file import array_of
from truscore.datasets.images.decode import UnreadableImage, opened, read_bounded
from truscore.datasets.index.records import MaskMap, NormalMap
from truscore.datasets.limits import Limits
from truscore.datasets.paths import suffix_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.mask_file import binarise, load_mask
from truscore.datasets.shapes.parse import BadShape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

# Eight bits a component are wrong by up to 0.007 of the length, resampling and JPEG by several times that.
UNIT_TOLERANCE = 0.05
# Looked at at once: sixty-four bits a component are eight times the picture, and one row may be all of it.
_TILE_ROWS, _TILE_COLUMNS = 256, 1024


def read_mask(context: ReaderContext, path: str) -> tuple[MaskMap | None, Mask | None]:
    """The mask as the index has it, and its pixels [H, W]; None for both after reporting why it cannot be read."""
    file, limits, log = context.folder.root / path, context.limits, context.log
    try:
        found = binarise(load_mask(file, limits), threshold=context.declaration.mask_threshold)
    except BadShape as bad:
        log.add(bad.code, str(bad), path)
        return None, None
    if found.ambiguity:
        log.add("label.mask_not_binary", found.ambiguity, path)
    height, width = found.mask_HW.shape
    digest = _digest(file, limits)
    mask = MaskMap(path=path, sha256=digest, width=width, height=height, marked_px=int(found.mask_HW.sum()))
    return mask, found.mask_HW


def read_normals(context: ReaderContext, path: str, mask_HW: Mask | None) -> NormalMap | None:
    """The normal map as the index has it; None after reporting why it cannot be read."""
    limits, log = context.limits, context.log
    try:
        content = read_bounded(context.folder.root / path, limits=limits)
        with _reader(path)(content, limits) as values:
            expected_px, unit_px = _counted(values, mask_HW)
    except UnreadableImage as error:
        log.add("label.normals_unreadable", error.reason, path)
        return None
    digest = hashlib.sha256(content).hexdigest()
    return NormalMap(
        path=path, sha256=digest, width=values.width, height=values.height, expected_px=expected_px, unit_px=unit_px
    )


def load_normals(path: Path, limits: Limits) -> NDArray[np.float64]:
    """The map's vectors [H, W, XYZ] as written, zeros where it has none. Raises UnreadableImage."""
    import numpy as np

    with _reader(path.name)(read_bounded(path, limits=limits), limits) as values:
        normals_HWXYZ, defined_HW = _directions(values.part(0, 0, values.width, values.height))
    return np.where(defined_HW[..., None], normals_HWXYZ, 0.0)


def _reader(path: str) -> Callable[[bytes, Limits], AbstractContextManager[_Values]]:
    readers: dict[str, Callable[[bytes, Limits], AbstractContextManager[_Values]]] = {
        ".npy": _npy,
        ".mat": partial(_whole, matlab_normals),
        ".exr": partial(_whole, exr_normals),
    }
    return readers.get(suffix_of(path), _picture)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Values:
    """`part` gives those from left, top to right, bottom as uint8 or floats [H, W, 3]."""

    width: int
    height: int
    part: Callable[[int, int, int, int], NDArray[Any]]


def _counted(values: _Values, mask_HW: Mask | None) -> tuple[int, int]:
    """Pixels that should have a normal, and those of them that have one of length 1."""
    import numpy as np

    if mask_HW is not None and mask_HW.shape != (values.height, values.width):
        mask_HW = None
    expected_px = unit_px = 0
    for left, top, right, bottom in _tiles(values.width, values.height):
        normals_HWXYZ, defined_HW = _directions(values.part(left, top, right, bottom))
        expected_HW = defined_HW if mask_HW is None else mask_HW[top:bottom, left:right]
        x_N, y_N, z_N = (normals_HWXYZ[..., axis][expected_HW] for axis in range(3))
        with np.errstate(over="ignore", invalid="ignore"):  # untrusted numbers
            square_N = x_N * x_N + y_N * y_N + z_N * z_N
        unit_N = (square_N >= (1 - UNIT_TOLERANCE) ** 2) & (square_N <= (1 + UNIT_TOLERANCE) ** 2)
        expected_px, unit_px = expected_px + int(expected_HW.sum()), unit_px + int(unit_N.sum())
    return expected_px, unit_px


def _tiles(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    for top in range(0, height, _TILE_ROWS):
        for left in range(0, width, _TILE_COLUMNS):
            yield left, top, min(left + _TILE_COLUMNS, width), min(top + _TILE_ROWS, height)


def _directions(values_HWC: NDArray[Any]) -> tuple[NDArray[np.float64], Mask]:
    """Vectors, and where any is defined: a picture has -1 to 1 as 0 to 255, black or middle grey for none."""
    if values_HWC.dtype != "uint8":
        return values_HWC.astype("float64"), (values_HWC != 0).any(axis=2)
    defined_HW: Mask = (values_HWC != 0).any(axis=2) & (abs(values_HWC.astype("int16") - 127) > 1).any(axis=2)
    return values_HWC / 127.5 - 1, defined_HW


@contextmanager
def _picture(content: bytes, limits: Limits) -> Iterator[_Values]:
    """The picture's own pixels are all that is held of it: as an array it would be there three times."""
    import numpy as np

    with opened(content, limits=limits) as image:
        if len(image.getbands()) < 3:
            reason = f"pixel mode {image.mode}; accepted is a colour picture of x, y, z"
            raise UnreadableImage("image.unsupported", reason)
        image.load()
        yield _Values(
            width=image.width, height=image.height, part=lambda *box: np.asarray(image.crop(box).convert("RGB"))
        )


@contextmanager
def _npy(content: bytes, limits: Limits) -> Iterator[_Values]:
    values_HWC = _from_npy(content, limits)
    height, width, _ = values_HWC.shape
    yield _Values(width=width, height=height, part=lambda left, top, right, bottom: values_HWC[top:bottom, left:right])


@contextmanager
def _whole(read: Callable[[bytes, Limits], NDArray[Any]], content: bytes, limits: Limits) -> Iterator[_Values]:
    values_HWC = read(content, limits)
    height, width, _ = values_HWC.shape
    yield _Values(width=width, height=height, part=lambda left, top, right, bottom: values_HWC[top:bottom, left:right])


def _from_npy(content: bytes, limits: Limits) -> NDArray[Any]:
    return array_of(content, limits, axes={3}, accepted="height x width x 3 of 16, 32 or 64-bit floats")


def _digest(path: Path, limits: Limits) -> str:
    return hashlib.sha256(read_bounded(path, limits=limits)).hexdigest()
