"""A split of images as squares, for tasks on a whole image or each of its pixels.

Legend: C channels, H, W sides of the image, S side of the square.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from truscore.datasets import ImageRecord

from services.trainer.worker.pixels import ImagePixels
from services.trainer.worker.tasks.protocol import Key


@dataclass(frozen=True, kw_only=True, slots=True)
class FramedSample:
    """``image_CSS`` is uint8; ``labels_SS`` the class of each pixel (0 none, 255 ignored) and ``target`` the label
    of the image as a whole, where the task has one."""

    index: int
    image_CSS: Tensor
    labels_SS: Tensor | None = None
    target: Tensor | None = None

    @property
    def size_bytes(self) -> int:
        return self.image_CSS.nbytes + (0 if self.labels_SS is None else self.labels_SS.nbytes)


# (sample, seed, epoch, index) to the sample as that epoch sees it.
Augment = Callable[[FramedSample, int, int], FramedSample]


class FramedImages:
    """A split. Each image is decoded and framed once, while there is room."""

    def __init__(
        self,
        records: Sequence[ImageRecord],
        *,
        folder: Path,
        image_size: int,
        augment: Augment,
        cache_limit_bytes: int,
        pixel_labels: Callable[[ImageRecord, int], Tensor] | None = None,
        target: Callable[[ImageRecord], Tensor] | None = None,
        pixels: ImagePixels | None = None,
    ) -> None:
        """``augment`` takes sample, epoch and index; ``pixel_labels`` draws [S, S] labels of a record, ``target`` reads
        its label as a whole; ``pixels`` are those of the folder's images, where they are kept somewhere."""
        self.records = tuple(records)
        self._pixels = pixels or ImagePixels(folder)
        self._image_size = image_size
        self._augment = augment
        self._cache_left_bytes = cache_limit_bytes
        self._pixel_labels = pixel_labels
        self._target = target
        self._cache: dict[int, FramedSample] = {}

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, key: Key) -> FramedSample:
        """What the network trains on (epoch from 1: augmented) or is evaluated on (epoch 0)."""
        # Cached before augmentation, which differs from epoch to epoch.
        sample = self.loaded(key.index)
        return self._augment(sample, key.epoch, key.index) if key.epoch else sample

    def loaded(self, index: int) -> FramedSample:
        """The image as the network sees it. Raises UnreadableImage or OSError naming the file."""
        if index in self._cache:
            return self._cache[index]
        sample = self._load(index)
        if sample.size_bytes <= self._cache_left_bytes:
            self._cache_left_bytes -= sample.size_bytes
            self._cache[index] = sample
        return sample

    def original(self, index: int) -> NDArray[np.uint8]:
        """[H, W, 3], upright, at its full size."""
        return self._pixels.upright(self.records[index]).copy()  # to write in as well

    def warm(self, *, threads: int) -> None:
        """Load as much as there is room for."""
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(self.loaded, range(len(self))):
                if not self._cache_left_bytes:
                    return

    def _load(self, index: int) -> FramedSample:
        record = self.records[index]
        image_CSS = self._pixels.framed(record, self._image_size)
        drawn = None if self._pixel_labels is None else self._pixel_labels(record, self._image_size)
        target = None if self._target is None else self._target(record)
        return FramedSample(index=index, image_CSS=image_CSS, labels_SS=drawn, target=target)
