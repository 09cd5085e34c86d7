"""What a format is to the registry: how it is recognised and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.result import ReadResult


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """`recognise` looks at names and small files only. `read` reports what is wrong to the context's log and goes on
    where it can; in a dry run it decodes no picture. Which format is taken where several are recognised, their dry runs
    decide.

    `annotates`: there are files of this format for nothing else than to annotate.
    """

    name: str
    title: str
    recognise: Callable[[ReaderContext], bool]
    read: Callable[[ReaderContext], ReadResult]
    annotates: bool = True
