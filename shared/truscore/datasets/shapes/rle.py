"""COCO's run-length masks, written as a list or packed into a string."""

from __future__ import annotations

from typing import Any

from truscore.datasets.index.records import RLE
from truscore.datasets.shapes.parse import BadShape


def rle_from(data: Any, *, width: int, height: int) -> RLE:
    """The mask in {"size": [h, w], "counts": [...] or "..."}, which must be of the image's size. Raises BadShape."""
    if not isinstance(data, dict) or data.get("size") != [height, width]:
        size = data.get("size") if isinstance(data, dict) else data
        raise BadShape("label.invalid_rle", f"size is {size!r}, expected [{height}, {width}] (height, width)")
    counts = data.get("counts")
    runs = unpacked(counts) if isinstance(counts, str) else _listed(counts)
    if any(run < 0 for run in runs) or sum(runs) != height * width:
        raise BadShape("label.invalid_rle", f"runs cover {sum(runs)} pixels, expected {height * width}")
    return RLE(height=height, width=width, counts=tuple(runs))


def unpacked(text: str) -> list[int]:
    """Runs from COCO's packed string: base 32 digits, sign in the last, each run from the third relative to the
    one two before it (the format of the COCO mask API)."""
    runs: list[int] = []
    at = 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            if at == len(text) or shift > 60:
                raise BadShape("label.invalid_rle", "the packed runs end in the middle of one")
            digit = ord(text[at]) - 48
            if not 0 <= digit < 64:
                raise BadShape("label.invalid_rle", f"the packed runs hold {text[at]!r}")
            value |= (digit & 31) << shift
            shift, at, more = shift + 5, at + 1, bool(digit & 32)
            if not more and digit & 16:
                value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    return runs


def _listed(counts: Any) -> list[int]:
    if isinstance(counts, list) and all(isinstance(run, int) and not isinstance(run, bool) for run in counts):
        return counts
    raise BadShape("label.invalid_rle", "counts are neither a list of whole numbers nor a packed string")
