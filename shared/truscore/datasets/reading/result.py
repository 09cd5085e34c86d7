"""What reading a dataset gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from truscore.datasets.index.records import DatasetIndex
from truscore.datasets.reading.problems import Problem
from truscore.datasets.reading.summary import ReadingSummary


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredImage:
    """What the annotations say of an image, whether or not it is so."""

    file: str  # the annotation file
    image_id: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadResult:
    """`index` is None where nothing could be read; `declared` and `measurements` are by image path.

    A dry run gives a `summary` in place of the index.
    """

    index: DatasetIndex | None
    problems: tuple[Problem, ...]
    declared: Mapping[str, DeclaredImage] = field(default_factory=lambda: MappingProxyType({}))
    measurements: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    summary: ReadingSummary | None = None
