"""Bringing a dataset's files here: linked where they are at hand, else downloaded. Knows nothing of what is in them."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from truscore.storage import Cache, DigestMismatch, FileSource, NoSpace, Progress, Store, Stored, Wanted, fetch_many

from services.dataset_validator.digests import Digests
from services.dataset_validator.listing import Listed, Listing


@dataclass(frozen=True, kw_only=True, slots=True)
class AtHand:
    """What earlier orders left here: files by content, and which content an object had."""

    cache: Cache
    digests: Digests


@dataclass(frozen=True, kw_only=True, slots=True)
class Supply:
    """A source that takes from the cache what lies there, and puts into it what does not.

    `here` holds digests of what lies there, by address; they may be wrong. `found` receives what was fetched.
    """

    store: FileSource
    cache: Cache
    here: Mapping[str, str]
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
        """As of any source. Where cache or memory fail, the store is asked, as who wants certain bytes always does."""
        stored = self._taken(uri, path) if sha256 is None and limit_bytes is None else None
        if stored is None:
            stored = self.store.get_file(uri, path, sha256=sha256, limit_bytes=limit_bytes, progress=progress)
            with suppress(NoSpace, OSError):
                self.cache.keep(path, stored.sha256)
        self.found[uri] = stored
        return stored

    def _taken(self, uri: str, path: Path) -> Stored | None:
        sha256 = self.here.get(uri)
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
    abandoned: "Abandoned",
    fetched: Callable[[int, int], None],
    at_hand: AtHand | None = None,
) -> dict[str, str]:
    """Bring the dataset into the folder. NoSpace before the first byte where it will not fit.

    Returns SHA-256 by address of what came, for `at_hand` to remember once it is known that nothing changed meanwhile;
    empty without it. The files may be one with those at hand: nobody may write to them.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def note(done: int, _total: int, *, before: int = 0) -> None:
        abandoned.check()
        fetched(before + done, len(listing.files))

    if at_hand is None:
        if _free_bytes(folder) < listing.size_bytes:
            raise _no_space(listing, folder)
        fetch_many(store, _wanted(listing.files, folder), workers=workers, progress=note)
        return {}
    here = _here_with_room(at_hand.cache, listing, at_hand.digests.of(listing.files), folder)
    supply = Supply(store=store, cache=at_hand.cache, here=here)
    # What lies here first: downloads may push it out of the cache, but not out of the folder.
    linked = [listed for listed in listing.files if listed.uri in here]
    others = [listed for listed in listing.files if listed.uri not in here]
    fetch_many(supply, _wanted(linked, folder), workers=workers, progress=note)
    fetch_many(supply, _wanted(others, folder), workers=workers, progress=partial(note, before=len(linked)))
    found = ((listed, supply.found[listed.uri]) for listed in listing.files)
    return {listed.uri: stored.sha256 for listed, stored in found if stored.size_bytes == listed.size_bytes}


def _here_with_room(cache: Cache, listing: Listing, digests: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Those of the digests whose content lies in the cache, which gives way where the disk has no room for the others.

    Raises NoSpace.
    """
    linkable = _device(cache.folder) == _device(folder)
    while True:
        here = _here(cache, listing.files, digests)
        missing_bytes = sum(one.size_bytes for one in listing.files if not (linkable and one.uri in here))
        free_bytes = _free_bytes(folder)
        if missing_bytes <= free_bytes:
            return here
        # An order that cannot fit takes nothing from those that can.
        fits = listing.size_bytes <= free_bytes + cache.size_bytes()
        if not fits or not _gives_way(cache, missing_bytes - free_bytes):
            raise _no_space(listing, folder)


def _here(cache: Cache, files: Sequence[Listed], digests: Mapping[str, str]) -> dict[str, str]:
    known = ((listed, digests[listed.uri]) for listed in files if listed.uri in digests)
    return {listed.uri: sha256 for listed, sha256 in known if cache.size_of(sha256) == listed.size_bytes}


def _gives_way(cache: Cache, size_bytes: int) -> bool:
    try:
        return cache.drop(size_bytes) > 0
    except OSError:
        return False


def _wanted(files: Sequence[Listed], folder: Path) -> list[Wanted]:
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


class Abandoned:
    """Tells a download in another thread that nobody waits for it any more."""

    def __init__(self) -> None:
        self._abandoned = False

    def abandon(self) -> None:
        self._abandoned = True

    def check(self) -> None:
        """Raises InterruptedError where the download is to end."""
        if self._abandoned:
            raise InterruptedError("the download was abandoned")
