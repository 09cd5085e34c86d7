"""A split of images at native resolution: windows to train on, whole pictures to evaluate.

An epoch has as many windows as there are images. What each shows is a function of seed, epoch and place alone, so it is
the same in whatever process, after whatever was loaded before, and in a run that was resumed.

Legend: C channels, H, W sides of a picture, S side of the window.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from torch import Tensor
from truscore.augmentation.pixel_labels import label_map
from truscore.augmentation.seeds import mixed
from truscore.datasets import ImageRecord
from truscore.zoo.framing import GREY, IGNORED

from services.trainer.worker.pixels import ImagePixels
from services.trainer.worker.tasks.framed_images import Augment, FramedSample
from services.trainer.worker.tasks.protocol import Key

# Three quarters of the windows are centred on a mark, of each class as often; the rest lie anywhere.
MARKED_SHARE = 0.75
# A mark lies at most this share of the side away from the window's middle, along each axis.
MOST_OFF_CENTRE = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """``image_CHW`` and ``labels_HW`` are uint8 at native resolution; labels as ``label_map`` draws them."""

    index: int
    image_CHW: Tensor
    labels_HW: NDArray[np.uint8]

    @property
    def size_bytes(self) -> int:
        return self.image_CHW.nbytes + self.labels_HW.nbytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Of a window: its image, and the label that it is centred on, 0 for anywhere."""

    index: int
    label: int


class WindowedImages:
    """A split. Each image is decoded once, while there is room."""

    def __init__(
        self,
        records: Sequence[ImageRecord],
        *,
        folder: Path,
        side: int,
        seed: int,
        augment: Augment,
        cache_limit_bytes: int,
        pixels: ImagePixels | None = None,
    ) -> None:
        """``side`` of a window in pixels; ``augment`` takes sample, epoch and place; ``pixels`` are those of the
        folder's images, where they are kept somewhere."""
        self.records = tuple(records)
        self._pixels = pixels or ImagePixels(folder)
        self._side = side
        self._seed = seed
        self._augment: Callable[[FramedSample, int, int], FramedSample] = augment
        self._cache_left_bytes = cache_limit_bytes
        self._images_of = images_by_label(records)
        self._cache: dict[int, Picture] = {}

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, key: Key) -> FramedSample | Picture:
        """A window to train on (epoch from 1: augmented), or the whole picture to evaluate (epoch 0)."""
        if not key.epoch:
            return self.picture(key.index)
        generator = default_rng(mixed(self._seed, key.epoch, key.index))
        choice = chosen(self._images_of, len(self.records), generator)
        picture = self.picture(choice.index)
        top, left = place(picture.labels_HW, choice.label, side=self._side, generator=generator)
        return self._augment(window(picture, top, left, side=self._side), key.epoch, key.index)

    def picture(self, index: int) -> Picture:
        """Raises UnreadableImage or OSError naming the file."""
        if index in self._cache:
            return self._cache[index]
        image_HWC = self.original(index)
        picture = Picture(
            index=index,
            image_CHW=torch.from_numpy(image_HWC.copy()).permute(2, 0, 1),
            labels_HW=label_map(self.records[index], *image_HWC.shape[:2]),
        )
        if picture.size_bytes <= self._cache_left_bytes:
            self._cache_left_bytes -= picture.size_bytes
            self._cache[index] = picture
        return picture

    def original(self, index: int) -> NDArray[np.uint8]:
        """[H, W, 3], upright, at its full size."""
        return self._pixels.upright(self.records[index]).copy()  # to write in as well

    def warm(self, *, threads: int) -> None:
        """Load as much as there is room for."""
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(self.picture, range(len(self))):
                if not self._cache_left_bytes:
                    return


def images_by_label(records: Sequence[ImageRecord]) -> Mapping[int, tuple[int, ...]]:
    """Places of the images that a label is marked on, by label; crowds mark nothing."""
    marked = [
        (annotation.label, index)
        for index, record in enumerate(records)
        for annotation in record.annotations
        if not annotation.crowd
    ]
    return {
        label: tuple(sorted({index for other, index in marked if other == label}))
        for label in sorted({label for label, _ in marked})
    }


def chosen(images_of: Mapping[int, tuple[int, ...]], images: int, generator: Generator) -> Choice:
    """Classes are drawn alike, and the images of a class: the commonest and the largest would fill all windows."""
    if not images_of or generator.random() >= MARKED_SHARE:
        return Choice(index=int(generator.integers(images)), label=0)
    label = list(images_of)[int(generator.integers(len(images_of)))]
    return Choice(index=images_of[label][int(generator.integers(len(images_of[label])))], label=label)


def place(labels_HW: NDArray[np.uint8], label: int, *, side: int, generator: Generator) -> tuple[int, int]:
    """Top and left of a window in the picture: around a pixel of the label, or anywhere where there is none of it."""
    most = [max(0, length - side) for length in labels_HW.shape]
    at_N = np.flatnonzero(labels_HW == label) if label else np.zeros(0, dtype=np.int64)
    if not len(at_N):
        top, left = (int(generator.integers(length + 1)) for length in most)
        return top, left
    centre = np.unravel_index(int(at_N[int(generator.integers(len(at_N)))]), labels_HW.shape)
    off_2 = generator.uniform(-MOST_OFF_CENTRE, MOST_OFF_CENTRE, 2) * side
    top, left = (
        min(max(0, round(int(middle) + float(off) - side / 2)), length)
        for middle, off, length in zip(centre, off_2, most, strict=True)
    )
    return top, left


def window(picture: Picture, top: int, left: int, *, side: int) -> FramedSample:
    """Grey and unknown below and to the right of a picture that is smaller, as tiles of such a picture are."""
    shown_Chw = picture.image_CHW[:, top : top + side, left : left + side]
    height, width = shown_Chw.shape[1:]
    image_CSS = torch.full((len(shown_Chw), side, side), round(GREY * 255), dtype=torch.uint8)
    labels_SS = torch.full((side, side), IGNORED, dtype=torch.uint8)
    image_CSS[:, :height, :width] = shown_Chw
    labels_SS[:height, :width] = torch.from_numpy(picture.labels_HW[top : top + side, left : left + side])
    return FramedSample(index=picture.index, image_CSS=image_CSS, labels_SS=labels_SS)
