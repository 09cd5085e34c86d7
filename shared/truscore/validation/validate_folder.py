"""A verdict on a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from truscore.datasets import Limits, ScanCache, ScanOptions, read_dataset
from truscore.validation.measured_images import STATS_ROWS, CacheOptions, measure_with, scan_cache
from truscore.validation.measures.view_shifts import ViewShift
from truscore.validation.policy.expectations import expectation_of
from truscore.validation.policy.policy import Policy
from truscore.validation.policy_files import policy_for
from truscore.validation.registered_views import registered_views
from truscore.validation.verdict import Verdict, validate_dataset


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidationCallbacks:
    """Progress callbacks. `on_start` and `on_end` are called with an image's path, in a worker's thread."""

    on_progress: Callable[[str, int, int], None] | None = None  # stage, images done, images in all
    on_start: Callable[[str], None] | None = None
    on_end: Callable[[str], None] | None = None


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
    with _scan_cache(cache, policy, limits) as kept:
        read_result = read_dataset(
            path,
            format=format,
            class_names=class_names,
            limits=limits,
            scan_options=ScanOptions(
                measure=measure_with(policy.thumbnail_px),
                measurement_rows=STATS_ROWS,
                cache=kept,
                on_start=callbacks.on_start,
                on_end=callbacks.on_end,
                on_progress=partial(callbacks.on_progress, "reading") if callbacks.on_progress else None,
            ),
        )
    if callbacks.on_progress is not None:
        callbacks.on_progress("judging", 0, 0)
    shifts: Mapping[str, ViewShift] = {}
    if read_result.index is not None:
        shifts = registered_views(path, read_result.index, least_px=policy.view_shift_px, limits=limits)
    return validate_dataset(
        read_result,
        expectation=expectation_of(category, option, architecture),
        policy=policy,
        view_shifts=shifts,
    )


def _scan_cache(cache: CacheOptions | None, policy: Policy, limits: Limits) -> AbstractContextManager[ScanCache | None]:
    return nullcontext() if cache is None else scan_cache(cache, thumbnail_px=policy.thumbnail_px, limits=limits)
