"""Annotations as masks. Array legend: H height, W width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from truscore.datasets.index.records import KEY_POINTS, RLE, Annotation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def annotation_mask(annotation: Annotation, height: int, width: int) -> NDArray[np.bool_]:
    """What the annotation covers, [H, W]: its run lengths, else its polygons, its stroke, or its box as a rectangle."""
    if annotation.rle is not None:
        return _of_rle(annotation.rle, height, width)
    if annotation.polygons:
        return _of_polygons(annotation.polygons, height, width)
    if annotation.points and annotation.shape != KEY_POINTS:
        return _of_stroke(annotation.points, height, width)
    return _of_box(annotation.box_xywh, height, width)


def mask_to_rle(mask_HW: NDArray[np.bool_]) -> RLE:
    """The mask as run lengths down its columns, zeros first."""
    import numpy as np

    height, width = mask_HW.shape
    flat = np.asarray(mask_HW, dtype=np.bool_).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    return RLE(height=height, width=width, counts=(0, *counts) if flat.size and flat[0] else tuple(counts))


def _of_rle(rle: RLE, height: int, width: int) -> NDArray[np.bool_]:
    import numpy as np

    if (rle.height, rle.width) != (height, width):
        raise ValueError(f"a run-length mask of {rle.width} x {rle.height} on an image of {width} x {height}")
    values = np.arange(len(rle.counts)) % 2 == 1
    return np.repeat(values, rle.counts).reshape((height, width), order="F")


def _of_polygons(polygons: tuple[tuple[float, ...], ...], height: int, width: int) -> NDArray[np.bool_]:
    import numpy as np
    from pycocotools import mask as coco_mask

    # COCO's own rasteriser: scores are computed against exactly these masks.
    parts = coco_mask.frPyObjects([list(polygon) for polygon in polygons], height, width)
    return np.asarray(coco_mask.decode(coco_mask.merge(parts)), dtype=np.bool_)


def _of_stroke(points: tuple[float, ...], height: int, width: int) -> NDArray[np.bool_]:
    """One pixel wide: how thick the thing is was not drawn."""
    import cv2
    import numpy as np

    mask_HW = np.zeros((height, width), dtype=np.uint8)
    corners_N2 = np.floor(np.asarray(points, dtype=np.float64).reshape(-1, 2)).astype(np.int32)
    cv2.polylines(mask_HW, [corners_N2], isClosed=False, color=1, thickness=1)
    cv2.polylines(
        mask_HW, list(corners_N2[:, None]), isClosed=True, color=1, thickness=1
    )  # a point is a line to itself
    return mask_HW.astype(np.bool_)


def _of_box(box_xywh: tuple[float, float, float, float], height: int, width: int) -> NDArray[np.bool_]:
    import numpy as np

    x, y, box_width, box_height = box_xywh
    left, top = _within(x, width), _within(y, height)
    right, bottom = _within(x + box_width, width), _within(y + box_height, height)
    mask_HW = np.zeros((height, width), dtype=np.bool_)
    # A box thinner than a pixel still marks one.
    mask_HW[top : max(bottom, top + 1), left : max(right, left + 1)] = True
    return mask_HW


def _within(value: float, limit: int) -> int:
    return min(max(round(value), 0), limit)
