"""What can be said of image files themselves, each decoded once for all who look, on every core."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truscore.datasets.images.decode import UnreadableImage, opened, orientation_of, read_bounded, upright_picture
from truscore.datasets.images.memory_budget import Room
from truscore.datasets.images.perceptual_hash import picture_print
from truscore.datasets.images.results_cache import Results
from truscore.datasets.images.scanned_image import Scan
from truscore.datasets.index.records import HASH_DIGITS, ImageRecord
from truscore.datasets.limits import Limits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    # Called with (path in the dataset, upright picture in RGB) in a worker thread; what it returns is kept.
    Measure = Callable[[str, Image.Image], Any]

_ASKED_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What is wanted of every image beside its record, and who hears of it.

    `starting` and `ended` are called in a worker's thread with the image's path, `progress` in the caller's with the
    images done and their total. With `results`, what `measure` returned for the same bytes is taken from there, and a
    file that need not be read again neither starts nor ends.
    """

    measure: Measure | None = None
    results: Results | None = None
    starting: Callable[[str], None] | None = None
    ended: Callable[[str], None] | None = None
    progress: Callable[[int, int], None] | None = None


def scan_images(root: Path, paths: Iterable[str], *, limits: Limits, look: Look | None = None) -> Iterator[Scan]:
    """Scan files in the order given, never more pixels in memory at once than the limit."""
    paths, look = list(paths), look or Look()
    scans = _scanned(root, paths, Scanner(limits=limits, look=look))
    for done, scan in enumerate(scans, start=1):
        if look.progress is not None:
            look.progress(done, len(paths))
        yield scan
    if look.results is not None:
        look.results.flush()


def _scanned(root: Path, paths: list[str], scanner: Scanner) -> Iterator[Scan]:
    workers, results = scanner.limits.workers, scanner.look.results
    waiting: deque[Future[Scan] | Scan] = deque()
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="scan") as pool:
        try:
            for start in range(0, len(paths), _ASKED_AT_ONCE):
                batch = paths[start : start + _ASKED_AT_ONCE]
                known = {} if results is None else results.unchanged(root, batch)
                for path in batch:
                    waiting.append(known.get(path) or pool.submit(scanner.scan, root, path))
                    if len(waiting) > 4 * workers:
                        yield _done(waiting.popleft())
            while waiting:
                yield _done(waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _done(scan: Future[Scan] | Scan) -> Scan:
    return scan if isinstance(scan, Scan) else scan.result()


def scan_image(root: Path, path: str, *, limits: Limits, look: Look | None = None) -> Scan:
    """Decode one image from end to end."""
    return Scanner(limits=limits, look=look or Look()).scan(root, path)


class Scanner:
    """Scans files, several at once where called from several threads."""

    def __init__(self, *, limits: Limits, look: Look) -> None:
        self.limits = limits
        self.look = look
        # The largest image that is accepted always fits.
        self._room = Room(max(limits.pixels_at_once, limits.image_pixels))

    def scan(self, root: Path, path: str) -> Scan:
        if self.look.starting is not None:
            self.look.starting(path)
        try:
            return self._scan(root, path)
        except UnreadableImage as fault:
            return Scan(path=path, fault=fault)
        except OSError as error:
            return Scan(path=path, fault=UnreadableImage("image.corrupt", f"cannot be opened: {error.strerror}"))
        finally:
            if self.look.ended is not None:
                self.look.ended(path)

    def _scan(self, root: Path, path: str) -> Scan:
        results = self.look.results
        if results is None:
            content, digest = self._read(root / path)
            return _at(self._decoded(path, content, digest), path)
        state = results.before(root, path)
        content, digest = self._read(root / path)
        results.note_file(root, path, state=state, digest=digest)
        if (known := results.recall(digest, path)) is not None:
            return known
        scan = self._decoded(path, content, digest)
        results.keep(digest, scan)
        return _at(scan, path)

    def _read(self, path: Path) -> tuple[bytes, str]:
        content = read_bounded(path, limits=self.limits)
        return content, hashlib.sha256(content).hexdigest()

    def _decoded(self, path: str, content: bytes, digest: str) -> Scan:
        try:
            with opened(content, limits=self.limits) as image, self._room.taken(image.width * image.height):
                return _scan(path, content, digest, image, self.look.measure)
        except UnreadableImage as fault:
            return Scan(path=path, fault=fault)


def _at(scan: Scan, path: str) -> Scan:
    """The scan of the same bytes under this path."""
    record = None if scan.record is None else replace(scan.record, path=path)
    return replace(scan, path=path, record=record)


def _shrunk(grey: Image.Image, width: int, height: int) -> NDArray[np.uint8]:
    import numpy as np
    from PIL import Image

    return np.asarray(grey.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0))


def _scan(path: str, content: bytes, digest: str, image: Image.Image, measure: Measure | None) -> Scan:
    mode, file_format, orientation = image.mode, image.format or "", orientation_of(image)
    pictures = int(getattr(image, "n_frames", 1))
    picture = upright_picture(image)
    grey = picture.convert("L")
    shown = picture_print(_shrunk(grey, 9, 8), _shrunk(grey, 8, 9))
    record = ImageRecord(
        path=path,
        sha256=digest,
        size_bytes=len(content),
        width=picture.width,
        height=picture.height,
        orientation=orientation,
        mode=mode,
        file_format=file_format,
        perceptual_hash=shown[:HASH_DIGITS],
        picture_print=shown,
    )
    looked = None if measure is None else measure(path, picture)
    return Scan(path=path, record=record, pictures=pictures, looked=looked)
