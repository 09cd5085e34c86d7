"""Arrays as numpy writes them (.npy), out of files that nobody trusts: no pickle, nothing larger than allowed."""

from __future__ import annotations

import io
import math
from collections.abc import Collection
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

from truscore.datasets.images.decode import UnreadableImage
from truscore.datasets.limits import Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

_VERSIONS = ((1, 0), (2, 0))
# All that numpy lets out where a header is none: it parses it as Python, after tokenizing it for headers of Python 2.
_NO_HEADER = (ValueError, TypeError, SyntaxError, EOFError, KeyError, RecursionError, MemoryError, TokenError)


def array_of(content: bytes, limits: Limits, *, axes: Collection[int], accepted: str) -> NDArray[Any]:
    """Floats [H, W] or [H, W, 3], by the numbers of `axes` that are accepted; `accepted` says so in words.

    Raises UnreadableImage.
    """
    import numpy as np

    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        if version not in _VERSIONS:
            raise ValueError(f"version {version}; accepted are 1.0 and 2.0")
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_columns, kind = reader(file)
    except _NO_HEADER as error:
        raise UnreadableImage("image.corrupt", f"no array as numpy writes it: {str(error)[:160]}") from error
    if len(shape) not in axes or shape[2:] not in {(), (3,)} or min(shape) < 1 or not _is_float(kind):
        reason = f"an array of {kind} with shape {shape!s:.80}; accepted is {accepted}"
        raise UnreadableImage("image.unsupported", reason)
    _check_size(shape, kind, len(content) - file.tell(), limits)
    values = np.frombuffer(content, dtype=kind, count=math.prod(shape), offset=file.tell())
    return values.reshape(shape, order="F" if by_columns else "C")


def _is_float(kind: Any) -> bool:
    return kind.kind == "f" and kind.itemsize in {2, 4, 8}


def _check_size(shape: Any, kind: Any, left_bytes: int, limits: Limits) -> None:
    """Before anything is made of it: the header of an untrusted file may promise any size."""
    if shape[0] * shape[1] > limits.image_pixels:
        raise UnreadableImage("image.too_many_pixels", f"{shape[1]} x {shape[0]}; at most {limits.image_pixels} pixels")
    if math.prod(shape) * kind.itemsize > left_bytes:
        raise UnreadableImage("image.truncated", f"shape {shape} needs more than the {left_bytes} bytes that are there")
