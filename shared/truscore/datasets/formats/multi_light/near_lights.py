"""LED lists of near-light sets, as LUCES has them (Mecca et al., BMVC 2021): positions of lamps instead of directions.

Two lines of head, the second with the count of images, height, width, focal length, centre and the mean distance of the
object; then for each lamp its position in millimetres, its axis, its brightness as one number or three, and how narrow
it shines. Positions are in the camera's axes: x to the right, y down, z away from it.
"""

from __future__ import annotations

import math

from truscore.datasets.formats.multi_light.light_lists import LightFault, LightList, Vector

NEAR = "led_params.txt"
_HEAD_WIDTH = 7
_WIDTHS = (8, 9, 10, 11)  # with one brightness or three, with or without a zero at the end


def near_directions_in(text: str) -> LightList:
    """Unit vectors from the middle of the object, at its mean distance before the camera, to each lamp."""
    head, rows = _parts(text)
    if head is None:
        fault = LightFault(code="format.multi_light.value", line=2, text="no image count, sizes and mean distance")
        return LightList(vectors=(), faults=(fault,))
    distance = head[-1]
    vectors, faults = [], []
    for line, row in rows:
        vector = None if row is None else _direction(row[:3], distance)
        vectors.append(vector)
        if vector is None:
            text = f"accepted are {_WIDTHS[0]} to {_WIDTHS[-1]} numbers, the first three a place beside the object"
            faults.append(LightFault(code="format.multi_light.value", line=line, text=text))
    return LightList(vectors=tuple(vectors), faults=tuple(faults), declared=int(head[0]))


def near_intensities_in(text: str) -> LightList:
    """Red, green and blue of each lamp."""
    vectors: list[Vector | None] = []
    for _, row in _parts(text)[1]:
        several = row is not None and len(row) > _WIDTHS[1]
        rgb = None if row is None else (row[6], row[7], row[8]) if several else (row[6],) * 3
        vectors.append(rgb if rgb is not None and min(rgb) > 0 else None)
    return LightList(vectors=tuple(vectors))


def mean_distance_mm(text: str) -> float:
    """How far the object is; 0 where that is not said."""
    head, _ = _parts(text)
    return head[-1] if head else 0.0


def _parts(text: str) -> tuple[list[float] | None, list[tuple[int, list[float] | None]]]:
    """The numbers of the head, and those of each lamp with its line; None for those that are none."""
    lines = [(number, line.split()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) < 2:
        return None, []
    head = _numbers(lines[1][1])
    whole = head is not None and len(head) == _HEAD_WIDTH and head[-1] > 0 and head[0] == int(head[0])
    rows = [(number, _numbers(words) if len(words) in _WIDTHS else None) for number, words in lines[2:]]
    return (head if whole else None), rows


def _numbers(words: list[str]) -> list[float] | None:
    try:
        values = [float(word) for word in words[: _WIDTHS[-1]]]
    except ValueError:
        return None
    return values if all(map(math.isfinite, values)) else None


def _direction(place_mm: list[float], distance_mm: float) -> Vector | None:
    x, y, z = place_mm[0], -place_mm[1], distance_mm - place_mm[2]
    length = math.hypot(x, y, z)
    return (x / length, y / length, z / length) if length > 0 else None
