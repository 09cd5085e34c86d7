"""Arrays out of files of MATLAB 5 to 7.2, as its documentation lays them out; nothing else of such a file is read.

Array legend: H height, W width.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from truscore.datasets.images.decode import UnreadableImage
from truscore.datasets.limits import Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_FLOATS = (6, 7)  # classes of arrays: double and single
_MOST_VARIABLES = 1000  # a calibration has a dozen for each of its pictures
_MOST_OF_A_MATRIX = 100


def matlab_normals(content: bytes, limits: Limits) -> NDArray[Any]:
    """The only array of height x width x 3 floats of the file. Raises UnreadableImage."""
    found = [values for _, values in _variables(content, limits, _is_normals)]
    if len(found) != 1:
        accepted = "accepted is one of height x width x 3 floats"
        raise UnreadableImage("image.unsupported", f"{len(found)} arrays of normals in the file; {accepted}")
    return found[0]


def matlab_matrices(content: bytes, limits: Limits) -> dict[str, NDArray[Any]]:
    """Matrices of at most 100 floats, by their names. Raises UnreadableImage."""
    return dict(_variables(content, limits, _is_small_matrix))


def _is_normals(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[2] == 3


def _is_small_matrix(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 and 0 < math.prod(shape) <= _MOST_OF_A_MATRIX


def _variables(
    content: bytes, limits: Limits, is_wanted: Callable[[tuple[int, ...]], bool]
) -> list[tuple[str, NDArray[Any]]]:
    """Arrays of floats of the shapes that are wanted, with their names."""
    if content[:10] == b"MATLAB 7.3" or b"\x89HDF" in content[:1024]:
        raise UnreadableImage("image.unsupported", "MATLAB 7.3 (HDF5) is not read; save it with -v7, or as normals.npy")
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        raise UnreadableImage("image.corrupt", "no file of MATLAB 5 to 7.2: its header does not say its byte order")
    found = []
    try:
        for number, (kind, data) in enumerate(_elements(content[_HEADER_BYTES:], order)):
            if number == _MOST_VARIABLES:
                raise UnreadableImage("image.unsupported", f"more than {_MOST_VARIABLES} variables")
            array = _array(kind, data, order, limits, is_wanted)
            if array is not None:
                found.append(array)
    except (struct.error, zlib.error, ValueError) as error:
        raise UnreadableImage("image.corrupt", f"no variables of MATLAB: {error}") from error
    return found


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Each element's type and content; a short one has both in its first eight bytes."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        if kind >> 16:
            yield kind & 0xFFFF, data[at + 4 : at + 4 + (kind >> 16)]
            at += 8
            continue
        if at + 8 + size > len(data):
            raise UnreadableImage("image.truncated", f"an element of {size} bytes goes beyond the end of the file")
        yield kind, data[at + 8 : at + 8 + size]
        at += 8 + (size if kind == _COMPRESSED else (size + 7) // 8 * 8)


def _array(
    kind: int, data: bytes, order: str, limits: Limits, is_wanted: Callable[[tuple[int, ...]], bool]
) -> tuple[str, NDArray[Any]] | None:
    """The variable's name and values where it is an array of floats of a wanted shape; stored, they may be whole."""
    import numpy as np

    if kind == _COMPRESSED:
        unpacked = zlib.decompressobj().decompress(data, limits.image_bytes)
        kind, data = next(_elements(unpacked, order), (0, b""))
    if kind != _MATRIX:
        return None
    parts = _elements(data, order)
    flags, dimensions, name, stored = (next(parts, (0, b"")) for _ in range(4))
    shape = struct.unpack(f"{order}{len(dimensions[1]) // 4}i", dimensions[1])
    if struct.unpack_from(f"{order}I", flags[1])[0] & 0xFF not in _FLOATS or not is_wanted(shape):
        return None
    height, width = shape[:2]
    if min(shape) < 1 or height * width > limits.image_pixels:
        raise UnreadableImage("image.too_many_pixels", f"{width} x {height}; at most {limits.image_pixels} pixels")
    if stored[0] not in _KINDS:
        raise UnreadableImage("image.corrupt", f"values of type {stored[0]}, which no file of MATLAB has")
    values = np.frombuffer(stored[1], dtype=f"{order}{_KINDS[stored[0]]}", count=math.prod(shape))
    return name[1].decode("ascii", "replace"), values.astype(np.float64).reshape(shape, order="F")
