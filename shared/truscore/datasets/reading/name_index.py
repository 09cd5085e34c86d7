"""Images by their names, for annotations whose paths lead elsewhere: another machine or case, a server's address."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from truscore.datasets.paths import name_of, stem_of
from truscore.datasets.reading.problems import ProblemLog

# Label Studio puts eight hexadecimal digits before the names of uploads.
_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")
_QUERY = re.compile(r"[?#].*", re.DOTALL)
_LOCAL_FILE = re.compile(r".*[?&]d=([^&#]+).*", re.DOTALL)


class NameIndex:
    """Finds images by the last parts of a written path. What it found otherwise than by the name as written is
    reported once for each kind, with its count, by `report`."""

    def __init__(self, paths: Iterable[str], log: ProblemLog) -> None:
        self._log = log
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for path in sorted(paths):
            self._by_name[name_of(path).lower()].append(path)
        self._noted: dict[str, list[tuple[str, str, str]]] = defaultdict(list)

    def named(self, written: str, *, near: str = "") -> list[str]:
        """The images that `written` can mean, best first alike: one where it is unique. `near` is the file it is in.

        Of several of one name those are best that share more of the path's end, then those in a folder that the
        annotation file is called after: instances_train.json beside images/train.
        """
        for parts in _spellings(written):
            found = self._by_name.get(parts[-1].lower(), [])
            if len(found) > 1:
                found = _best(found, parts, near)
            if found:
                return found
        return []

    def note(self, code: str, written: str, path: str, location: str) -> None:
        """Remember that `written` was taken for `path` though it is not the same."""
        self._noted[code].append((written, path, location))

    def note_difference(self, written: str, path: str, location: str, *, escape: bool) -> None:
        """Note the difference between a written path and the one that was found by its name, if there is any."""
        last, found = name_of(written.replace("\\", "/")), name_of(path)
        if escape:
            self.note("format.image_elsewhere", written, path, location)
        elif last == found:
            return
        elif last.lower() == found.lower():
            self.note("format.name_case", written, path, location)
        else:
            self.note("format.name_encoded", written, path, location)

    def report(self) -> None:
        """One problem for each kind of difference."""
        for code, noted in sorted(self._noted.items()):
            written, path, location = noted[0]
            many = f"{len(noted)} names, such as {written!r}" if len(noted) > 1 else repr(written)
            self._log.add(code, f"{many}; {path} was taken", location)
        self._noted.clear()


def _spellings(written: str) -> Iterator[list[str]]:
    """The path's parts as written, without what a server adds, decoded, and without an upload's prefix."""
    posix_path = written.replace("\\", "/")
    seen: set[str] = set()
    for text in _addresses(posix_path):
        parts = [part for part in text.split("/") if part not in {"", ".", ".."}]
        if not parts:
            continue
        for last in (parts[-1], _UPLOAD_PREFIX.sub("", parts[-1], count=1)):
            spelling = "/".join((*parts[:-1], last))
            if spelling not in seen:
                seen.add(spelling)
                yield [*parts[:-1], last]


def _addresses(written: str) -> Iterator[str]:
    yield written
    bare = _QUERY.sub("", written)
    if match := _LOCAL_FILE.fullmatch(written):
        yield unquote(match[1])
    for text in (bare, unquote(bare), unquote(written)):
        yield text.replace("\\", "/")


def _best(found: list[str], parts: list[str], near: str) -> list[str]:
    ending = [part.lower() for part in parts]
    shared = {path: _shared_end(path.lower().split("/"), ending) for path in found}
    most = max(shared.values())
    found = [path for path in found if shared[path] == most]
    # Folders that are written and differ speak against every one of them.
    for hint in _hints(near) if len(found) > 1 and most == len(parts) else ():
        if hinted := [path for path in found if hint in path.lower().split("/")[:-1]]:
            return hinted
    return found


def _hints(near: str) -> Iterator[str]:
    """Folders that an annotation file may be called after: the whole name, then less and less of its beginning."""
    words = stem_of(near).lower()
    while words:
        yield words
        words = re.sub(r"^[^_\-.]*[_\-.]?", "", words, count=1)


def _shared_end(one: list[str], other: list[str]) -> int:
    count = 0
    for ours, theirs in zip(reversed(one), reversed(other), strict=False):
        if ours != theirs:
            break
        count += 1
    return count
