"""Many objects at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from truscore.storage.cache import Cache
from truscore.storage.store import FileSource

# (address, its SHA-256 where known, where to put it)
Wanted = tuple[str, str | None, Path]


def fetch_many(
    store: FileSource,
    wanted: Iterable[Wanted],
    *,
    workers: int = 8,
    progress: Callable[[int, int], None] | None = None,
    cache: Cache | None = None,
) -> None:
    """Fetch all objects or raise the first failure; `progress` is called with (files done, files in all)."""
    todo = list(wanted)
    with ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="fetch") as pool:
        jobs = [pool.submit(_fetch_one, store, item, cache) for item in todo]
        try:
            for done, job in enumerate(as_completed(jobs), start=1):
                job.result()
                if progress:
                    progress(done, len(todo))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _fetch_one(store: FileSource, item: Wanted, cache: Cache | None) -> None:
    uri, sha256, path = item
    if cache is not None and sha256:
        cache.fetch_to(store, uri, sha256, path)
    else:
        store.get_file(uri, path, sha256=sha256)
