"""What a scan of one image file gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from truscore.datasets.images.decode import UnreadableImage
from truscore.datasets.index.records import ImageRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class ScannedImage:
    """One file: a record without annotations, or the reason why there is none."""

    path: str
    record: ImageRecord | None = None
    fault: UnreadableImage | None = None
    frames: int = 1
    measurement: Any = None
