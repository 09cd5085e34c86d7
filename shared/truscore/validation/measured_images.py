"""Measures of single images, kept by the SHA-256 of their bytes: whoever takes them, they are merged by content.

What one process measures of an image and stores is what every other one would: the key names the code, the libraries
and the bounds that it was measured with. So a dataset can be measured in shards, anywhere, and judged in one place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truscore.datasets import FileReuse, Limits, ScanCache, ScanOptions
from truscore.datasets.images.scan import MeasurementRows, scan_images
from truscore.validation.measures.image_stats import ImageStats, measure_image

if TYPE_CHECKING:
    from PIL import Image

# Of one image: the SHA-256 of its bytes, hexadecimal, and what was measured of them, as JSON.
Row = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheOptions:
    """Where image statistics are cached between runs; the least recently used are evicted first."""

    file: Path
    limit_bytes: int = 512 * 2**20
    files: FileReuse = FileReuse.TRUSTED  # whether an image is read again that looks unchanged on the disk
    now_ns: Callable[[], int] = time.time_ns


def scan_cache(cache: CacheOptions, *, thumbnail_px: int, limits: Limits) -> ScanCache:
    """The cache of images measured so."""
    return ScanCache(
        cache.file,
        measured_with=f"thumbnail {thumbnail_px}",
        limits=limits,
        limit_bytes=cache.limit_bytes,
        to_dict=asdict,
        from_dict=lambda data: ImageStats(**data),
        files=cache.files,
        now_ns=cache.now_ns,
    )


def _row(stats: ImageStats) -> tuple[object, ...]:
    return tuple(getattr(stats, name) for name in _NAMES)


def _stats(row: Sequence[Any]) -> ImageStats:
    return ImageStats(**dict(zip(_NAMES, row, strict=True)))


_NAMES = tuple(field.name for field in fields(ImageStats))
STATS_ROWS = MeasurementRows(to_row=_row, from_row=_stats)


def measure_with(thumbnail_px: int) -> Callable[[str, Image.Image], ImageStats]:
    """What measures an image as it is decoded."""
    return partial(_measured, thumbnail_px=thumbnail_px)


def _measured(_path: str, picture: Image.Image, *, thumbnail_px: int) -> ImageStats:
    return measure_image(picture, thumbnail_px=thumbnail_px)


def measure_images(
    root: Path,
    paths: Sequence[str],
    *,
    thumbnail_px: int,
    cache: CacheOptions,
    limits: Limits,
    on_start: Callable[[str], None] | None = None,
    on_end: Callable[[str], None] | None = None,
) -> None:
    """Decode and measure these files into the cache. What cannot be decoded is kept as that."""
    with scan_cache(cache, thumbnail_px=thumbnail_px, limits=limits) as kept:
        options = ScanOptions(measure=measure_with(thumbnail_px), cache=kept, on_start=on_start, on_end=on_end)
        for _ in scan_images(root, paths, limits=limits, scan_options=options):
            pass


def rows_of(cache: CacheOptions, *, thumbnail_px: int, limits: Limits) -> list[Row]:
    """All that was measured so and is in the cache."""
    with scan_cache(cache, thumbnail_px=thumbnail_px, limits=limits) as kept:
        return list(kept.rows())


def merge_rows(
    cache: CacheOptions, rows: Iterable[Row], *, wanted: Collection[str], thumbnail_px: int, limits: Limits
) -> int:
    """Put rows that were measured elsewhere into the cache; returns how many images they are of.

    Raises ValueError for a row of an image that nobody wanted, or that is none.
    """
    with scan_cache(cache, thumbnail_px=thumbnail_px, limits=limits) as kept:
        return kept.merge(rows, wanted=wanted)


def unmeasured(
    cache: CacheOptions, digests: Iterable[str], *, thumbnail_px: int, limits: Limits
) -> tuple[frozenset[str], str]:
    """Which of these images the cache lacks, and what names the way of measuring: code, libraries and bounds."""
    with scan_cache(cache, thumbnail_px=thumbnail_px, limits=limits) as kept:
        return kept.lacking(digests), kept.measured_with
