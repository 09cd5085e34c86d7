"""A folder into the object store, many files at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from truscore.storage.store import Store

UPLOADS_AT_ONCE = 8
# The validator keeps its own objects there.
RESERVED = "_truscore"


class EmptyFolder(ValueError):
    """There is nothing to upload."""


def files_of(folder: Path) -> tuple[Path, ...]:
    """What is uploaded: every ordinary file that is not hidden and not ours. Raises EmptyFolder."""
    found = tuple(path for path in sorted(folder.rglob("*")) if path.is_file() and _wanted(path.relative_to(folder)))
    if not found:
        raise EmptyFolder(f"{folder} holds no files; a dataset is a folder of images and annotations")
    return found


def _wanted(path: Path) -> bool:
    return path.parts[0] != RESERVED and not any(part.startswith(".") for part in path.parts)


def upload(
    store: Store, folder: Path, uri: str, *, progress: Callable[[int, int], None], workers: int = UPLOADS_AT_ONCE
) -> int:
    """Puts the folder under `uri` (ending in "/"); returns the bytes. `progress` gets (files done, files in all)."""
    files = files_of(folder)
    with ThreadPoolExecutor(workers, thread_name_prefix="upload") as pool:
        jobs = [pool.submit(store.put_file, uri + path.relative_to(folder).as_posix(), path) for path in files]
        try:
            total_bytes = 0
            for done, job in enumerate(as_completed(jobs), start=1):
                total_bytes += job.result().size_bytes
                progress(done, len(files))
            return total_bytes
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
