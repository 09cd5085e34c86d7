"""What metrics leave for the report beside their values, as plain data: diagrams, matrices, rows, images' errors.

A task merges ``Evidence.to_plain()`` into what its ``report`` returns; the page and the error analysis read these keys.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = Mapping[str, str | int | float | None]
CURVE_POINTS = 101


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """A line through points; ``count`` says how many decisions each stands for, where that differs."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    count: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagram:
    """``kind`` is what it is: "precision_recall", "roc", "reliability", "threshold". Axes go from 0 to 1."""

    kind: str
    title: str
    x_name: str
    y_name: str
    series: tuple[Series, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """``counts`` has a row for each target and a column for each predicted class."""

    title: str
    target: tuple[str, ...]
    prediction: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageError:
    """How wrong the network was on an image: 0 is right, larger is worse. ``text`` says it in words."""

    image: int  # its index in the split
    error: float
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnostics:
    """``error_name`` says what the images' errors measure."""

    error_name: str
    diagrams: tuple[Diagram, ...] = ()
    matrices: tuple[Matrix, ...] = ()
    by_class: tuple[Row, ...] = ()
    by_size: tuple[Row, ...] = ()
    image_errors: tuple[ImageError, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """JSON's own types; not one key less than there are fields."""
        plain = asdict(self)
        plain["matrices"] = [
            {"title": one.title, "real": one.target, "found": one.prediction, "counts": one.counts}
            for one in self.matrices
        ]
        plain["by_class"], plain["by_size"] = list(map(dict, self.by_class)), list(map(dict, self.by_size))
        return plain

    def worst(self, most: int) -> tuple[int, ...]:
        """Indices of the images that went worst, worst first; of equals the earlier. Faultless ones are left out."""
        wrong = [error for error in self.image_errors if error.error > 0]
        return tuple(error.image for error in sorted(wrong, key=lambda one: (-one.error, one.image))[:most])

    def shown(self, most: int) -> tuple[ImageError, ...]:
        """Images to make pictures of: the worst, worst first, and then the others in their order."""
        sweep_thresholds = sorted(self.image_errors, key=lambda one: (-one.error, one.image))
        return tuple(sweep_thresholds[:most])


def thinned(x_N: NDArray[np.float64], y_N: NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """At most CURVE_POINTS points of a long curve, its ends among them: what a picture needs, not a figure."""
    if len(x_N) > CURVE_POINTS:
        kept = np.unique(np.linspace(0, len(x_N) - 1, CURVE_POINTS).round().astype(int))
        x_N, y_N = x_N[kept], y_N[kept]
    return tuple(map(float, x_N)), tuple(map(float, y_N))
