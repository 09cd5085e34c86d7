"""Which file an annotation means when it names one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from truscore.datasets.reading.name_index import NameIndex
from truscore.datasets.reading.problems import ProblemLog

_DRIVE = re.compile(r"[A-Za-z]:")


class References:
    """Resolves names against the files of a dataset: beside the annotation file, in `images`, or by unique name.

    `report` says, once all are resolved, which were found otherwise than by their names as written.
    """

    def __init__(self, files: Iterable[str], log: ProblemLog) -> None:
        self._log = log
        self._files = frozenset(files)
        self._names = NameIndex(self._files, log)
        self.report = self._names.report

    def resolve(self, name: str, *, near: str, location: str) -> str | None:
        """The path meant by `name` in the annotation file `near`; None after reporting why there is none."""
        written = name.replace("\\", "/")
        escape = is_escape(written)
        if not escape:
            parts = _parts(written)
            for candidate in _candidates(parts, near.rpartition("/")[0]):
                if candidate in self._files:
                    return candidate
        return self._by_unique_name(name, near, location, escape=escape)

    def _by_unique_name(self, name: str, near: str, location: str, *, escape: bool) -> str | None:
        found = [] if "\0" in name else self._names.named(name, near=near)
        if len(found) == 1:
            self._names.note_difference(name, found[0], location, escape=escape)
            return found[0]
        if found:
            listed = ", ".join(found[:4])
            self._log.add("format.image_ambiguous", f"{name!r} could be any of: {listed}", location)
        elif escape:
            text = f"{name!r} is absolute or climbs out of the dataset, and no image is called so"
            self._log.add("format.path_escape", text, location)
        else:
            self._log.add("format.image_missing", f"image {name!r} is not in the dataset", location)
        return None


def is_escape(written: str) -> bool:
    """Whether a path, written with "/", is absolute, has a drive, or leaves the folder it is relative to."""
    if written.startswith("/") or _DRIVE.match(written) or "\0" in written:
        return True
    depth = 0
    for part in _parts(written):
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def _parts(written: str) -> list[str]:
    """As pathlib has them, of a relative path."""
    return [part for part in written.split("/") if part not in {"", "."}]


def _candidates(parts: list[str], beside: str) -> Iterator[str]:
    """One at a time: the first is nearly always right, and there may be a million names."""
    inner = "/".join(_without_climbing(parts))
    for place in (beside, beside.rpartition("/")[0], ""):
        prefix = f"{place}/" if place else ""
        yield f"{prefix}{inner}"
        yield f"{prefix}images/{inner}"


def _without_climbing(parts: list[str]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if part == "..":
            kept.pop()
        else:
            kept.append(part)
    return kept
