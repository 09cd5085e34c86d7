"""COCO entries whose numbers are text or floats: read as the numbers they are, and counted."""

from __future__ import annotations

from typing import Any

from truscore.datasets.shapes.parse import written_number

Entry = dict[str, Any]
_IDS = ("id", "image_id", "category_id")
_NUMBERS = ("width", "height", "area", "iscrowd")


def tightened(entry: Entry) -> tuple[Entry, bool]:
    """The entry with whole numbers for ids and numbers for sizes, and whether any was something else."""
    changes: Entry = {}
    for key in _IDS:
        if key in entry and type(entry[key]) is not int and (found := _identity(entry[key])) is not entry[key]:
            changes[key] = found
    for key in _NUMBERS:
        if isinstance(entry.get(key), str) and (found := _number(entry[key])) is not None:
            changes[key] = found
    if (box := _box(entry.get("bbox"))) is not None:
        changes["bbox"] = box
    return ({**entry, **changes}, True) if changes else (entry, False)


def _identity(value: Any) -> Any:
    """The whole number that a text or a float stands for; else the value itself."""
    if (
        isinstance(value, str)
        and value.isascii()
        and value.isdecimal()
        and len(value) < 19
        and str(int(value)) == value
    ):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _number(text: str) -> float | int | None:
    try:
        value = written_number(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _box(box: Any) -> list[Any] | None:
    """Numbers in place of texts; None where there are none to replace."""
    if not isinstance(box, list) or not box or not all(isinstance(side, str) for side in box):
        return None
    values = [_number(side) for side in box]
    return None if None in values else values
