"""Fetching a dataset's files: linked from the cache, else downloaded. Knows nothing of what is in them."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from truscore.storage import Cache, DigestMismatch, FileSource, NoSpace, Progress, Store, Stored, Wanted, fetch_many

from services.dataset_validator.digests import ObjectDigests
from services.dataset_validator.listing import ListedObject, Listing


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchCache:
    """Files of earlier orders by content, and the digests of objects."""

    cache: Cache
    digests: ObjectDigests


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedSource:
    """A source that reads through the cache.

    `cached` holds digests of what lies in the cache, by address; they may be wrong. `found` receives what was fetched.
    """

    store: FileSource
    cache: Cache
    cached: Mapping[str, str]
    found: dict[str, Stored] = field(default_factory=dict)

    def get_file(
        self,
        uri: str,
        path: Path,
        *,
        sha256: str | None = None,
        limit_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> Stored:
        """As of any source. Where the cache fails the store is read, as it is where a digest is given."""
        stored = self._from_cache(uri, path) if sha256 is None and limit_bytes is None else None
        if stored is None:
            stored = self.store.get_file(uri, path, sha256=sha256, limit_bytes=limit_bytes, progress=progress)
            with suppress(NoSpace, OSError):
                self.cache.keep(path, stored.sha256)
        self.found[uri] = stored
        return stored

    def _from_cache(self, uri: str, path: Path) -> Stored | None:
        sha256 = self.cached.get(uri)
        if sha256 is None:
            return None
        try:
            self.cache.fetch_to(self.store, uri, sha256, path)
        except (DigestMismatch, NoSpace, OSError):
            path.unlink(missing_ok=True)
            return None
        return Stored(uri=uri, sha256=sha256, size_bytes=path.stat().st_size)


def fetch(
    store: Store,
    listing: Listing,
    folder: Path,
    *,
    workers: int,
    cancel_token: "CancelToken",
    on_progress: Callable[[int, int], None],
    fetch_cache: FetchCache | None = None,
) -> dict[str, str]:
    """Bring the dataset into the folder. NoSpace before the first byte where it will not fit.

    Returns SHA-256 by address of what came, for `fetch_cache` to store once it is known that nothing changed meanwhile;
    empty without it. The files may be hard links into the cache: nobody may write to them.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def report(done: int, _total: int, *, before: int = 0) -> None:
        cancel_token.check()
        on_progress(before + done, len(listing.files))

    if fetch_cache is None:
        if _free_bytes(folder) < listing.size_bytes:
            raise _no_space(listing, folder)
        fetch_many(store, _wanted(listing.files, folder), workers=workers, progress=report)
        return {}
    cached = _cached_within_space(fetch_cache.cache, listing, fetch_cache.digests.get(listing.files), folder)
    source = CachedSource(store=store, cache=fetch_cache.cache, cached=cached)
    # Cached files first: downloads may push it out of the cache, but not out of the folder.
    linked = [listed for listed in listing.files if listed.uri in cached]
    others = [listed for listed in listing.files if listed.uri not in cached]
    fetch_many(source, _wanted(linked, folder), workers=workers, progress=report)
    fetch_many(source, _wanted(others, folder), workers=workers, progress=partial(report, before=len(linked)))
    found = ((listed, source.found[listed.uri]) for listed in listing.files)
    return {listed.uri: stored.sha256 for listed, stored in found if stored.size_bytes == listed.size_bytes}


def _cached_within_space(cache: Cache, listing: Listing, digests: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Those of the digests whose content lies in the cache, which gives way where the disk has no room for the others.

    Raises NoSpace.
    """
    linkable = _device(cache.folder) == _device(folder)
    while True:
        cached = _cached(cache, listing.files, digests)
        missing_bytes = sum(one.size_bytes for one in listing.files if not (linkable and one.uri in cached))
        free_bytes = _free_bytes(folder)
        if missing_bytes <= free_bytes:
            return cached
        # An order that cannot fit takes nothing from those that can.
        fits = listing.size_bytes <= free_bytes + cache.size_bytes()
        if not fits or not _evict(cache, missing_bytes - free_bytes):
            raise _no_space(listing, folder)


def _cached(cache: Cache, files: Sequence[ListedObject], digests: Mapping[str, str]) -> dict[str, str]:
    known = ((listed, digests[listed.uri]) for listed in files if listed.uri in digests)
    return {listed.uri: sha256 for listed, sha256 in known if cache.size_of(sha256) == listed.size_bytes}


def _evict(cache: Cache, size_bytes: int) -> bool:
    try:
        return cache.drop(size_bytes) > 0
    except OSError:
        return False


def _wanted(files: Sequence[ListedObject], folder: Path) -> list[Wanted]:
    wanted: list[Wanted] = [(listed.uri, None, folder / listed.path) for listed in files]
    for parent in {path.parent for _, _, path in wanted}:
        parent.mkdir(parents=True, exist_ok=True)
    return wanted


def _no_space(listing: Listing, folder: Path) -> NoSpace:
    return NoSpace(str(folder), f"{_free_bytes(folder)} bytes are free, the dataset has {listing.size_bytes}")


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _device(folder: Path) -> int | None:
    try:
        return folder.stat().st_dev
    except OSError:
        return None


class CancelToken:
    """Cancels a download in another thread."""

    def __init__(self) -> None:
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True

    def check(self) -> None:
        """Raises InterruptedError where the download is to end."""
        if self._cancelled:
            raise InterruptedError("the download was cancelled")
