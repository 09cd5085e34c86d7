"""Weights pickled as NumPy arrays, as Detectron2's model zoo has them, read without running what they name."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

# What a pickled array is put together by, under its names in old and new NumPy; and what dictionaries may be.
_ALLOWED = {
    (module, name)
    for module in ("numpy.core.multiarray", "numpy._core.multiarray")
    for name in ("_reconstruct", "scalar")
} | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"), ("collections", "OrderedDict")}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}; only NumPy arrays and plain values are read")
        return super().find_class(module, name)


def read_arrays(path: Path) -> Any:
    """The file's content with arrays of numbers as tensors. Raises UnpicklingError for anything else in it."""
    with path.open("rb") as file:
        try:
            content = _ArraysOnly(file, encoding="latin1").load()
        except (AttributeError, EOFError, ImportError, IndexError, TypeError, ValueError) as error:
            raise pickle.UnpicklingError(f"no pickle of arrays: {error}") from error
    return _as_tensors(content)


def _as_tensors(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_tensors(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        # A copy: pickled arrays may be read-only, or of another byte order.
        return torch.from_numpy(value.astype(value.dtype.newbyteorder("="), copy=True))
    return value
