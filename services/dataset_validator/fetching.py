"""Bringing a dataset's files here: linked where they are at hand, else downloaded. Knows nothing of what is in them."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
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
    """A source that takes files from the cache where their digest is known, and puts others into it.

    `known` holds digests by address; they may be wrong. `found` receives what was fetched, by address.
    """

    store: FileSource
    cache: Cache
    known: Mapping[str, str]
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
        sha256 = self.known.get(uri)
        if sha256 is None:
            return None
        try:
            self.cache.fetch_to(self.store, uri, sha256, path)
        except (DigestMismatch, NoSpace, OSError):
            path.unlink(missing_ok=True)
            return None
        return Stored(uri=uri, sha256=sha256, size_bytes=path.stat().st_size)

    def has(self, listed: Listed) -> bool:
        """Whether the object's content lies in the cache."""
        try:
            return listed.uri in self.known and self.cache.has(self.known[listed.uri])
        except OSError:
            return False

    def missing_bytes(self, listing: Listing, folder: Path) -> int:
        """What the folder's disk must take: what is to be downloaded, and what cannot be linked."""
        linkable = _device(self.cache.folder) == _device(folder)
        return sum(listed.size_bytes for listed in listing.files if not (linkable and self.has(listed)))

    def give_way(self, size_bytes: int) -> bool:
        """Remove about so much from the cache; whether anything was removed."""
        try:
            return self.cache.drop(size_bytes) > 0
        except OSError:
            return False


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

    Returns SHA-256 by address of what came, for `at_hand` to remember once nothing is known to have changed meanwhile;
    empty without it. The files may be one with those at hand: nobody may write to them.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def note(done: int, total: int) -> None:
        abandoned.check()
        fetched(done, total)

    if at_hand is None:
        if _free_bytes(folder) < listing.size_bytes:
            raise _no_space(listing, folder)
        fetch_many(store, _wanted(listing.files, folder), workers=workers, progress=note)
        return {}
    supply = Supply(store=store, cache=at_hand.cache, known=at_hand.digests.of(listing.files))
    _make_free(supply, listing, folder)
    # What lies here first: downloads may push it out of the cache, but not out of the folder.
    files = sorted(listing.files, key=supply.has, reverse=True)
    fetch_many(supply, _wanted(files, folder), workers=workers, progress=note)
    found = ((listed, supply.found[listed.uri]) for listed in listing.files)
    return {listed.uri: stored.sha256 for listed, stored in found if stored.size_bytes == listed.size_bytes}


def _make_free(supply: Supply, listing: Listing, folder: Path) -> None:
    """Have the cache give way where the disk is too full for the dataset. Raises NoSpace."""
    while (short_bytes := supply.missing_bytes(listing, folder) - _free_bytes(folder)) > 0:
        # An order that cannot fit takes nothing from those that can.
        fits = listing.size_bytes <= _free_bytes(folder) + supply.cache.size_bytes()
        if not fits or not supply.give_way(short_bytes):
            raise _no_space(listing, folder)


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
