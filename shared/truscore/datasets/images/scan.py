"""Records and measurements of image files, each decoded once, on every core."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truscore.datasets.images.decode import UnreadableImage, opened, orientation_of, read_bounded, upright_picture
from truscore.datasets.images.memory_budget import MemoryBudget
from truscore.datasets.images.perceptual_hash import orientation_hashes
from truscore.datasets.images.scan_cache import ScanCache
from truscore.datasets.images.scanned_image import ScannedImage
from truscore.datasets.index.records import HASH_DIGITS, ImageRecord
from truscore.datasets.limits import Limits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    # Called with (path in the dataset, upright picture in RGB) in a worker thread; what it returns is kept.
    Measure = Callable[[str, Image.Image], Any]

_BATCH = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasurementRows:
    """From a measurement to numbers, texts and tuples of them, and back."""

    to_row: Callable[[Any], object]
    from_row: Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanOptions:
    """What is measured of every image beside its record, and the callbacks.

    `on_start` and `on_end` are called in a worker's thread with the image's path, `on_progress` in the caller's with
    the images done and their total. With `cache`, what `measure` returned for the same bytes is taken from there, and a
    file that need not be read again neither starts nor ends. `measurement_rows` put what it returned into a file.
    """

    measure: Measure | None = None
    cache: ScanCache | None = None
    measurement_rows: MeasurementRows | None = None
    on_start: Callable[[str], None] | None = None
    on_end: Callable[[str], None] | None = None
    on_progress: Callable[[int, int], None] | None = None


def scan_images(
    root: Path, paths: Iterable[str], *, limits: Limits, scan_options: ScanOptions | None = None
) -> Iterator[ScannedImage]:
    """Scan files in the order given, never more pixels in memory at once than the limit."""
    paths, scan_options = list(paths), scan_options or ScanOptions()
    scans = _scanned(root, paths, Scanner(limits=limits, scan_options=scan_options))
    for done, scan in enumerate(scans, start=1):
        if scan_options.on_progress is not None:
            scan_options.on_progress(done, len(paths))
        yield scan
    if scan_options.cache is not None:
        scan_options.cache.flush()


def _scanned(root: Path, paths: list[str], scanner: Scanner) -> Iterator[ScannedImage]:
    workers, cache = scanner.limits.workers, scanner.scan_options.cache
    pending: deque[Future[ScannedImage] | ScannedImage] = deque()
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="scan") as pool:
        try:
            for start in range(0, len(paths), _BATCH):
                batch = paths[start : start + _BATCH]
                cached = {} if cache is None else cache.unchanged(root, batch)
                for path in batch:
                    pending.append(cached.get(path) or pool.submit(scanner.scan, root, path))
                    if len(pending) > 4 * workers:
                        yield _result(pending.popleft())
            while pending:
                yield _result(pending.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _result(scan: Future[ScannedImage] | ScannedImage) -> ScannedImage:
    return scan if isinstance(scan, ScannedImage) else scan.result()


def scan_image(root: Path, path: str, *, limits: Limits, scan_options: ScanOptions | None = None) -> ScannedImage:
    """Decode one image from end to end."""
    return Scanner(limits=limits, scan_options=scan_options or ScanOptions()).scan(root, path)


class Scanner:
    """Scans files, several at once where called from several threads."""

    def __init__(self, *, limits: Limits, scan_options: ScanOptions) -> None:
        self.limits = limits
        self.scan_options = scan_options
        # The largest image that is accepted always fits.
        self._budget = MemoryBudget(max(limits.pixels_at_once, limits.image_pixels))

    def scan(self, root: Path, path: str) -> ScannedImage:
        if self.scan_options.on_start is not None:
            self.scan_options.on_start(path)
        try:
            return self._scan(root, path)
        except UnreadableImage as fault:
            return ScannedImage(path=path, fault=fault)
        except OSError as error:
            return ScannedImage(
                path=path, fault=UnreadableImage("image.corrupt", f"cannot be opened: {error.strerror}")
            )
        finally:
            if self.scan_options.on_end is not None:
                self.scan_options.on_end(path)

    def _scan(self, root: Path, path: str) -> ScannedImage:
        cache = self.scan_options.cache
        if cache is None:
            content, digest = self._read(root / path)
            return _at_path(self._decoded(path, content, digest), path)
        state = cache.state_before_read(root, path)
        content, digest = self._read(root / path)
        cache.remember_file(root, path, state=state, digest=digest)
        if (cached := cache.get(digest, path)) is not None:
            return cached
        scan = self._decoded(path, content, digest)
        cache.put(digest, scan)
        return _at_path(scan, path)

    def _read(self, path: Path) -> tuple[bytes, str]:
        content = read_bounded(path, limits=self.limits)
        return content, hashlib.sha256(content).hexdigest()

    def _decoded(self, path: str, content: bytes, digest: str) -> ScannedImage:
        try:
            with opened(content, limits=self.limits) as image, self._budget.reserved(image.width * image.height):
                return _scan(path, content, digest, image, self.scan_options.measure)
        except UnreadableImage as fault:
            return ScannedImage(path=path, fault=fault)


def _at_path(scan: ScannedImage, path: str) -> ScannedImage:
    """The scan of the same bytes under this path."""
    record = None if scan.record is None else replace(scan.record, path=path)
    return replace(scan, path=path, record=record)


def _shrunk(grey: Image.Image, width: int, height: int) -> NDArray[np.uint8]:
    import numpy as np
    from PIL import Image

    return np.asarray(grey.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0))


def _scan(path: str, content: bytes, digest: str, image: Image.Image, measure: Measure | None) -> ScannedImage:
    mode, file_format, orientation = image.mode, image.format or "", orientation_of(image)
    frames = int(getattr(image, "n_frames", 1))
    picture = upright_picture(image)
    grey = picture.convert("L")
    hashes = orientation_hashes(_shrunk(grey, 9, 8), _shrunk(grey, 8, 9))
    record = ImageRecord(
        path=path,
        sha256=digest,
        size_bytes=len(content),
        width=picture.width,
        height=picture.height,
        orientation=orientation,
        mode=mode,
        file_format=file_format,
        perceptual_hash=hashes[:HASH_DIGITS],
        orientation_hashes=hashes,
    )
    measurement = None if measure is None else measure(path, picture)
    return ScannedImage(path=path, record=record, frames=frames, measurement=measurement)
