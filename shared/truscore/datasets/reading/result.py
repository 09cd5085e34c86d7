"""What reading a dataset gives, and the bounds it is read within."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from truscore.datasets.index.records import DatasetIndex
from truscore.datasets.reading.problems import Problem


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds on what is read from a stranger's dataset."""

    files: int = 1_000_000
    folder_depth: int = 16
    image_pixels: int = 120_000_000
    image_bytes: int = 256 * 1024 * 1024
    annotation_file_bytes: int = 512 * 1024 * 1024
    label_file_bytes: int = 16 * 1024 * 1024
    json_depth: int = 32
    annotations_per_image: int = 100_000
    points_per_polygon: int = 100_000
    lights_per_object: int = 10_000
    problems_per_code: int = 200
    workers: int = field(default_factory=cores)  # images scanned at once
    pixels_at_once: int = 240_000_000  # of all images that are decoded at the same time


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """What the annotations say of an image, whether or not it is so."""

    file: str  # the annotation file
    image_id: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """`index` is None where nothing could be read; `declared` and `looks` are by image path."""

    index: DatasetIndex | None
    problems: tuple[Problem, ...]
    declared: Mapping[str, Declared] = field(default_factory=lambda: MappingProxyType({}))
    looks: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
