"""What every reader of a format is given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from truscore.datasets.images.scan import ScanOptions
from truscore.datasets.limits import Limits
from truscore.datasets.reading.declaration import Declaration
from truscore.datasets.reading.documents import Documents
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.problems import ProblemLog


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderContext:
    """One folder to read as a dataset.

    `class_names` are those given with the dataset, for formats that carry none; `declaration` is what its maker
    declares beside the annotations; `scan_options` say what is measured of each image beside its record. What is wrong
    goes to `log`, and reading goes on where it can.

    A reader adds each annotation file, list and mask that it takes something from to `files_read`. In a `dry_run` it
    decodes no picture: only the summary of its reading is wanted. `documents` are JSON files that were parsed already.
    """

    folder: Folder
    log: ProblemLog
    limits: Limits = field(default_factory=Limits)
    class_names: tuple[str, ...] = ()
    declaration: Declaration = field(default_factory=Declaration)
    scan_options: ScanOptions = field(default_factory=ScanOptions)
    files_read: set[str] = field(default_factory=set)
    dry_run: bool = False
    documents: Documents = field(default_factory=Documents)

    def without_log(self) -> ReaderContext:
        """The same context for recognising a format, where problems are not reported yet."""
        return replace(self, log=ProblemLog(limit=0), files_read=set())

    def for_dry_run(self, *, problems: int = 0) -> ReaderContext:
        """The same context for summing up what a format would read; up to so many problems of a code are kept."""
        return replace(self, log=ProblemLog(limit=problems), files_read=set(), dry_run=True)
