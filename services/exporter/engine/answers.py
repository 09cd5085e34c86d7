"""What two processes say of one picture, small enough to be kept: large arrays as the means of their pixels.

Knows numpy only: the process that makes a file writes them, the engine that proves it makes its own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

KEPT_WHOLE = 1 << 16  # elements; what is larger has height and width at its end, and is kept as means over them

Kept = dict[str, Any]


def kept(answers: Mapping[str, Any]) -> Kept:
    """By output, and `<output>.shape`."""
    found: Kept = {}
    for name, values in answers.items():
        array = np.asarray(values)
        found[name] = array if array.size <= KEPT_WHOLE else array.mean(axis=(-2, -1), dtype=np.float64)
        found[f"{name}.shape"] = np.array(array.shape, dtype=np.int64)
    return found


def write(path: Path, pictures: list[Kept]) -> None:
    np.savez(
        path, **{f"{number}/{name}": array for number, each in enumerate(pictures) for name, array in each.items()}
    )


def read(path: Path, count: int) -> list[Kept]:
    with np.load(path, allow_pickle=False) as file:
        return [
            {name.partition("/")[2]: file[name] for name in file.files if name.startswith(f"{number}/")}
            for number in range(count)
        ]


def distance(one: Kept, other: Kept) -> dict[str, float]:
    """Largest difference by output; infinity where the shapes are not the same. NaN beside NaN is no difference."""
    found = {}
    for name in sorted({*one, *other}):
        a, b = one.get(name), other.get(name)
        if a is None or b is None or a.shape != b.shape:
            found[name.removesuffix(".shape")] = float("inf")
        elif a.size:
            both = np.isnan(a) & np.isnan(b) if a.dtype.kind == "f" else np.zeros(a.shape, dtype=bool)
            apart = np.where(both, 0.0, np.abs(a.astype(np.float64) - b.astype(np.float64)))
            worst = float(np.nan_to_num(apart, nan=np.inf).max())
            place = name.removesuffix(".shape")
            found[place] = max(found.get(place, 0.0), float("inf") if name.endswith(".shape") and worst else worst)
    return found
