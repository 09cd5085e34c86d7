"""What a mask or a normal map says of an object's pixels. Array legend: H height, W width, N pixels, XYZ directions."""

from __future__ import annotations

import hashlib
import io
import math
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

from truscore.datasets.folder import suffix_of
from truscore.datasets.geometry import BadShape
from truscore.datasets.index import MaskMap, NormalMap
from truscore.datasets.mask_pixels import load_mask, marked
from truscore.datasets.pixels import UnreadableImage, opened, read_bounded
from truscore.datasets.problems import ProblemLog
from truscore.datasets.reading import Limits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Normals = NDArray[np.floating[Any]]

# Eight bits a component are wrong by up to 0.007 of the length, resampling and JPEG by several times that.
UNIT_TOLERANCE = 0.05
_NPY_VERSIONS = ((1, 0), (2, 0))
# All that numpy lets out where a header is none: it parses it as Python, after tokenizing it for headers of Python 2.
_NO_HEADER = (ValueError, TypeError, SyntaxError, EOFError, KeyError, RecursionError, MemoryError, TokenError)


def read_mask(
    root: Path, path: str, threshold: int | None, limits: Limits, log: ProblemLog
) -> tuple[MaskMap | None, Mask | None]:
    """The mask as the index has it, and its pixels [H, W]; None for both after reporting why it cannot be read."""
    try:
        found = marked(load_mask(root / path, limits), threshold=threshold)
    except BadShape as bad:
        log.add(bad.code, str(bad), path)
        return None, None
    if found.doubt:
        log.add("label.mask_not_binary", found.doubt, path)
    height, width = found.mask_HW.shape
    digest = _digest(root / path, limits)
    mask = MaskMap(path=path, sha256=digest, width=width, height=height, marked_px=int(found.mask_HW.sum()))
    return mask, found.mask_HW


def read_normals(root: Path, path: str, mask_HW: Mask | None, limits: Limits, log: ProblemLog) -> NormalMap | None:
    """The normal map as the index has it; None after reporting why it cannot be read."""
    try:
        content = read_bounded(root / path, limits=limits)
        read = _from_npy if suffix_of(path) == ".npy" else _from_picture
        normals_HWXYZ, told_HW = read(content, limits)
    except UnreadableImage as error:
        log.add("label.normals_unreadable", error.reason, path)
        return None
    height, width = told_HW.shape
    judged_HW = mask_HW if mask_HW is not None and mask_HW.shape == told_HW.shape else told_HW
    x_N, y_N, z_N = (normals_HWXYZ[..., axis][judged_HW].astype("float64") for axis in range(3))
    square_N = x_N * x_N + y_N * y_N + z_N * z_N
    unit_N = (square_N >= (1 - UNIT_TOLERANCE) ** 2) & (square_N <= (1 + UNIT_TOLERANCE) ** 2)
    return NormalMap(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        width=width,
        height=height,
        judged_px=int(judged_HW.sum()),
        unit_px=int(unit_N.sum()),
    )


def _from_picture(content: bytes, limits: Limits) -> tuple[Normals, Mask]:
    """Each component from -1 to 1 as 0 to 255; where all are 0, or all in the middle, nothing is told."""
    import numpy as np

    with opened(content, limits=limits) as image:
        if len(image.getbands()) < 3:
            raise UnreadableImage(
                "image.unsupported", f"pixel mode {image.mode}; accepted is a colour picture of x, y, z"
            )
        values_HWC = np.asarray(image.convert("RGB"))
    told_HW: Mask = (values_HWC != 0).any(axis=2) & (abs(values_HWC.astype(np.int16) - 127) > 1).any(axis=2)
    return values_HWC.astype(np.float32) / np.float32(127.5) - np.float32(1), told_HW


def _from_npy(content: bytes, limits: Limits) -> tuple[Normals, Mask]:
    """An array [H, W, 3] of numbers, without pickled objects; where all three are 0 nothing is told."""
    import numpy as np

    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        if version not in _NPY_VERSIONS:
            raise ValueError(f"version {version}; accepted are 1.0 and 2.0")
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_columns, kind = reader(file)
    except _NO_HEADER as error:
        raise UnreadableImage("image.corrupt", f"no array as numpy writes it: {str(error)[:160]}") from error
    _check_array(shape, kind, len(content) - file.tell(), limits)
    values = np.frombuffer(content, dtype=kind, count=math.prod(shape), offset=file.tell())
    values_HWXYZ = values.reshape(shape, order="F" if by_columns else "C")
    told_HW: Mask = (values_HWXYZ != 0).any(axis=2)
    return values_HWXYZ, told_HW


def _check_array(shape: Any, kind: Any, left_bytes: int, limits: Limits) -> None:
    """Before anything is made of it: the header of a stranger's file may promise any size."""
    if len(shape) != 3 or shape[2] != 3 or min(shape) < 1 or kind.kind != "f" or kind.itemsize not in {2, 4, 8}:
        accepted = "accepted is height x width x 3 of 16, 32 or 64-bit floats"
        raise UnreadableImage("image.unsupported", f"an array of {kind} with shape {shape!s:.80}; {accepted}")
    if shape[0] * shape[1] > limits.image_pixels:
        raise UnreadableImage("image.too_many_pixels", f"{shape[1]} x {shape[0]}; at most {limits.image_pixels} pixels")
    if math.prod(shape) * kind.itemsize > left_bytes:
        raise UnreadableImage("image.truncated", f"shape {shape} needs more than the {left_bytes} bytes that are there")


def _digest(path: Path, limits: Limits) -> str:
    return hashlib.sha256(read_bounded(path, limits=limits)).hexdigest()
