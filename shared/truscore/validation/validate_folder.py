"""A verdict on a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from truscore.datasets import FileReuse, Limits, ScanCache, ScanOptions, read_dataset
from truscore.validation.measures.image_stats import ImageStats, measure_image
from truscore.validation.policy.expectations import expectation_of
from truscore.validation.policy.policy import Policy
from truscore.validation.policy_files import policy_for
from truscore.validation.verdict import Verdict, validate_dataset

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidationCallbacks:
    """Progress callbacks. `on_start` and `on_end` are called with an image's path, in a worker's thread."""

    on_progress: Callable[[str, int, int], None] | None = None  # stage, images done, images in all
    on_start: Callable[[str], None] | None = None
    on_end: Callable[[str], None] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheOptions:
    """Where image statistics are cached between runs; the least recently used are evicted first."""

    file: Path
    limit_bytes: int = 512 * 2**20
    files: FileReuse = FileReuse.TRUSTED  # whether an image is read again that looks unchanged on the disk
    now_ns: Callable[[], int] = time.time_ns


def validate_folder(
    path: Path,
    *,
    format: str = "",
    category: str = "",
    option: str = "",
    architecture: str = "",
    policy: Policy | None = None,
    class_names: Sequence[str] = (),
    limits: Limits | None = None,
    cache: CacheOptions | None = None,
    callbacks: ValidationCallbacks | None = None,
) -> Verdict:
    """Read a folder as a dataset and validate it. Raises OSError where the folder itself cannot be read.

    An empty format is recognised. Class names are for formats that carry none; where the order gives none either, the
    option's own are taken. Without a policy it is the category's. Image statistics are cached in `cache`.
    """
    policy, limits, callbacks = policy or policy_for(category), limits or Limits(), callbacks or ValidationCallbacks()
    with _scan_cache(cache, policy, limits) as scan_cache:
        read_result = read_dataset(
            path,
            format=format,
            class_names=class_names,
            limits=limits,
            scan_options=ScanOptions(
                measure=partial(_measured, thumbnail_px=policy.thumbnail_px),
                cache=scan_cache,
                on_start=callbacks.on_start,
                on_end=callbacks.on_end,
                on_progress=partial(callbacks.on_progress, "reading") if callbacks.on_progress else None,
            ),
        )
    if callbacks.on_progress is not None:
        callbacks.on_progress("judging", 0, 0)
    return validate_dataset(read_result, expectation=expectation_of(category, option, architecture), policy=policy)


def _scan_cache(cache: CacheOptions | None, policy: Policy, limits: Limits) -> AbstractContextManager[ScanCache | None]:
    if cache is None:
        return nullcontext()
    measured_with = f"thumbnail {policy.thumbnail_px}"
    return ScanCache(
        cache.file,
        measured_with=measured_with,
        limits=limits,
        limit_bytes=cache.limit_bytes,
        to_dict=asdict,
        from_dict=lambda data: ImageStats(**data),
        files=cache.files,
        now_ns=cache.now_ns,
    )


def _measured(_path: str, picture: Image.Image, *, thumbnail_px: int) -> ImageStats:
    return measure_image(picture, thumbnail_px=thumbnail_px)
