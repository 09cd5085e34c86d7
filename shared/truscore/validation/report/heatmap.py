"""Where annotations lie in their images: a grid of how often each place is covered by a box, for each class."""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from truscore.datasets import DatasetIndex

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CELLS = 24
CLASSES_MAPPED = 12


def heatmaps(index: DatasetIndex) -> list[dict[str, Any]]:
    """For the commonest classes, rows from the top: share of the class's boxes that cover the cell, in thousandths."""
    cells = _cells_by_class(index)
    common = sorted(cells, key=lambda label: (-_boxes(cells[label]), label))[:CLASSES_MAPPED]
    names = index.class_names
    return [
        {"name": names[label - 1], "boxes": _boxes(cells[label]), "thousandths": _grid(cells[label]).tolist()}
        for label in sorted(common)
        if 1 <= label <= len(names)
    ]


def _boxes(cells: bytearray) -> int:
    return len(cells) // 4


def _cells_by_class(index: DatasetIndex) -> dict[int, bytearray]:
    """Of each box its first column and row, and those after its last: four bytes, for there may be millions."""
    cells: dict[int, bytearray] = defaultdict(bytearray)
    for image in index.images:
        for annotation in image.annotations:
            x, y, width, height = annotation.box_xywh
            if width > 0 and height > 0 and image.width and image.height:
                left, right = _reach(x / image.width, (x + width) / image.width)
                top, bottom = _reach(y / image.height, (y + height) / image.height)
                cells[annotation.label] += bytes((left, top, right, bottom))
    return cells


def _reach(low: float, high: float) -> tuple[int, int]:
    """First cell and the one after the last, of a stretch of the unit length."""
    low, high = (min(1.0, max(0.0, place)) for place in (low, high))
    first = min(int(low * CELLS), CELLS - 1)
    return first, min(max(int(high * CELLS + 0.999), first + 1), CELLS)


def _grid(cells: bytearray) -> "NDArray[np.int64]":
    import numpy as np

    left_N, top_N, right_N, bottom_N = np.frombuffer(cells, dtype=np.uint8).reshape(-1, 4).T
    # Corners of each box, summed up along both axes, are the number of boxes that cover each cell.
    corners_HW = np.zeros((CELLS + 1, CELLS + 1), dtype=np.int64)
    for rows_N, columns_N, sign in (
        (top_N, left_N, 1),
        (top_N, right_N, -1),
        (bottom_N, left_N, -1),
        (bottom_N, right_N, 1),
    ):
        np.add.at(corners_HW, (rows_N, columns_N), sign)
    covered_HW: NDArray[np.int64] = corners_HW.cumsum(axis=0).cumsum(axis=1)[:CELLS, :CELLS]
    return covered_HW * 1000 // _boxes(cells)
