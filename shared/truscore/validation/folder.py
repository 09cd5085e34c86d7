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
from truscore.validation.measures.pixels import Pixels, measure_image
from truscore.validation.policy.expectations import expectation_of
from truscore.validation.policy.policy import Policy
from truscore.validation.policy_files import policy_for
from truscore.validation.verdict import Verdict, judge

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, kw_only=True, slots=True)
class Listening:
    """Who hears how far it is. `starting` and `ended` are called with an image's path, in a worker's thread."""

    progress: Callable[[str, int, int], None] | None = None  # stage, images done, images in all
    starting: Callable[[str], None] | None = None
    ended: Callable[[str], None] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Where what images measure is kept for the next time; the least recently used is forgotten first."""

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
    policy: Policy | None = None,
    class_names: Sequence[str] = (),
    limits: Limits | None = None,
    memory: Memory | None = None,
    listening: Listening | None = None,
) -> Verdict:
    """Read a folder as a dataset and judge it. Raises OSError where the folder itself cannot be read.

    An empty format is recognised. Class names are for formats that carry none; where the order gives none either, the
    option's own are taken. Without a policy it is the category's. What images measure is remembered in `memory`.
    """
    policy, limits, listening = policy or policy_for(category), limits or Limits(), listening or Listening()
    with _results(memory, policy, limits) as results:
        reading = read_dataset(
            path,
            format=format,
            class_names=class_names,
            limits=limits,
            scan_options=ScanOptions(
                measure=partial(_measured, thumbnail_px=policy.thumbnail_px),
                cache=results,
                on_start=listening.starting,
                on_end=listening.ended,
                on_progress=partial(listening.progress, "reading") if listening.progress else None,
            ),
        )
    if listening.progress is not None:
        listening.progress("judging", 0, 0)
    return judge(reading, expectation=expectation_of(category, option), policy=policy)


def _results(memory: Memory | None, policy: Policy, limits: Limits) -> AbstractContextManager[ScanCache | None]:
    if memory is None:
        return nullcontext()
    about = f"thumbnail {policy.thumbnail_px}"
    return ScanCache(
        memory.file,
        measured_with=about,
        limits=limits,
        limit_bytes=memory.limit_bytes,
        to_plain=asdict,
        from_plain=lambda plain: Pixels(**plain),
        files=memory.files,
        now_ns=memory.now_ns,
    )


def _measured(_path: str, picture: Image.Image, *, thumbnail_px: int) -> Pixels:
    return measure_image(picture, thumbnail_px=thumbnail_px)
