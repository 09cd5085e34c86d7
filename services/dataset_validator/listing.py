"""What lies under a dataset's address: safe relative paths, and one digest for the whole."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from truscore.storage import Entry, InvalidUri, ObjectMissing, Store, TooLarge, parse_uri
from truscore.validation import BY_ID, Finding, finding

RESERVED = "_truscore"
SEGMENT_LIMIT_BYTES = 255


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedObject:
    """One object of the dataset, with its path relative to the dataset's folder."""

    path: str
    uri: str
    size_bytes: int
    etag: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """The dataset's objects by path, or the reasons why they cannot be read."""

    files: tuple[ListedObject, ...] = ()
    problems: tuple[Finding, ...] = ()

    @property
    def size_bytes(self) -> int:
        return sum(listed.size_bytes for listed in self.files)

    @property
    def digest(self) -> str:
        """SHA-256 over paths, sizes and ETags: it changes when any object does."""
        rows = (f"{listed.path}\0{listed.size_bytes}\0{listed.etag}\n" for listed in self.files)
        return hashlib.sha256("".join(rows).encode()).hexdigest()


def list_dataset(store: Store, uri: str, *, most_objects: int, most_bytes: int) -> Listing:
    """List a dataset's folder. What is wrong with the folder is in the listing; a store that fails raises."""
    prefix = parse_uri(uri).uri.rstrip("/") + "/"
    try:
        entries = list(store.list(prefix, limit=most_objects))
    except InvalidUri as error:
        return _rejected("order.uri", str(error))
    except ObjectMissing as error:
        return _rejected("order.nothing_there", str(error))
    except TooLarge as error:
        return _rejected("order.too_large", f"{error}: accepted are up to {most_objects}")
    return build_listing(entries, prefix=prefix, most_bytes=most_bytes)


def build_listing(entries: Iterable[Entry], *, prefix: str, most_bytes: int) -> Listing:
    """The listing of these entries under the prefix."""
    found = [_listed(entry, prefix) for entry in entries]
    files = sorted((listed for listed in found if listed.path.split("/")[0] != RESERVED), key=lambda one: one.path)
    if not files:
        return _rejected("order.nothing_there", f"no object lies under {prefix}")
    if unsafe := list(_unsafe(files)):
        return Listing(problems=tuple(unsafe))
    total = sum(listed.size_bytes for listed in files)
    if total > most_bytes:
        message = f"{len(files)} objects under {prefix} have {total} bytes: accepted are up to {most_bytes}"
        return _rejected("order.too_large", message)
    return Listing(files=tuple(files))


def _listed(entry: Entry, prefix: str) -> ListedObject:
    return ListedObject(
        path=entry.uri.removeprefix(prefix), uri=entry.uri, size_bytes=entry.size_bytes, etag=entry.etag
    )


def _unsafe(files: list[ListedObject]) -> Iterator[Finding]:
    folders = {str(parent) for listed in files for parent in PurePosixPath(listed.path).parents}
    for listed in files:
        problem = _key_problem(listed.path)
        if not problem and listed.path in folders:
            problem = "is both an object and a folder of others"
        if problem:
            yield finding(BY_ID["order.unsafe_key"], f"key {listed.path[:200]!r} {problem}", location=listed.path[:200])


def _key_problem(path: str) -> str:
    segments = path.split("/")
    if any(segment in {"", ".", ".."} for segment in segments):
        return "climbs or has an empty part: accepted are plain relative paths"
    if any(len(segment.encode(errors="replace")) > SEGMENT_LIMIT_BYTES for segment in segments):
        return f"has a part longer than {SEGMENT_LIMIT_BYTES} bytes"
    if not path.isprintable() or "\\" in path:
        return "holds control characters or backslashes"
    return ""


def _rejected(rule: str, message: str) -> Listing:
    return Listing(problems=(finding(BY_ID[rule], message, location="uri"),))
