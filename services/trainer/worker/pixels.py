"""Pixels of a run's images in the forms that tasks ask for, each made once where a pack has room for it.

A form is what training begins from, before it augments: the upright image itself, the image at the network's size, or
that in a square. All are uint8 and a function of the file alone, so that a pixel out of a pack is the very same.

Legend: C channels, H, W sides of the image, S side of the square.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from truscore.augmentation.loading import scaled_image
from truscore.datasets import ImageRecord, load_image
from truscore.datasets.images.pack import Pack, PackFolder, Shape
from truscore.zoo.framing import frame
from truscore.zoo.resize import network_size

from services.trainer.worker.run_dir import TrainingJob

# Raised whenever a form's pixels change: packs of before are then no longer found.
VERSION = 1
Pixels = NDArray[np.uint8]


class ImagePixels:
    """The images of a folder. Without packs each is decoded whenever it is asked for."""

    def __init__(self, folder: Path, records: Iterable[ImageRecord] = (), packs: PackFolder | None = None) -> None:
        """``records`` are all that share a pack: those of all parts of the dataset, whatever the split."""
        self._folder = folder
        self._records = tuple(records)
        self._packs = packs
        self._open: dict[str, Pack | None] = {}
        self._opening = Lock()

    def upright(self, record: ImageRecord) -> Pixels:
        """The image in its own size, perhaps as a read-only view. Raises UnreadableImage or OSError naming the file."""
        return self._form("upright", lambda of: (of.height, of.width, 3), record, lambda: self._decoded(record))

    def scaled(self, record: ImageRecord, image_size: int) -> Tensor:
        """With its longer side at ``image_size``. Raises as ``upright``."""
        shape_of: Callable[[ImageRecord], Shape] = lambda of: (  # noqa: E731
            3, *network_size(of.height, of.width, image_size=image_size),
        )  # fmt: skip
        made = self._form(
            f"scaled {image_size}", shape_of, record, lambda: scaled_image(self._decoded(record), image_size).numpy()
        )
        return torch.from_numpy(made.copy())

    def framed(self, record: ImageRecord, image_size: int) -> Tensor:
        """The same with grey below or to the right. Raises as ``upright``."""
        made = self._form(
            f"framed {image_size}",
            lambda _: (3, image_size, image_size),
            record,
            lambda: _framed(self._decoded(record), image_size).numpy(),
        )
        return torch.from_numpy(made.copy())

    def packs(self, form: str = "upright") -> bool:
        """Whether images of this form are kept, and need not be held in memory as well."""
        return self._open.get(form) is not None

    def _form(
        self, form: str, shape_of: Callable[[ImageRecord], Shape], record: ImageRecord, make: Callable[[], Pixels]
    ) -> Pixels:
        with self._opening:
            if form not in self._open:
                self._open[form] = self._opened(form, {of.sha256: shape_of(of) for of in self._records})
        pack = self._open[form]
        if pack is None:
            return make()
        if (found := pack.read(record.sha256)) is not None:
            return found
        pixels = make()
        pack.write(record.sha256, pixels)
        return pixels

    def _opened(self, form: str, shapes: Mapping[str, Shape]) -> Pack | None:
        try:
            return self._packs.open(f"{VERSION} {form}", shapes) if self._packs else None
        except OSError as error:
            # A folder that cannot be written, as in a pod with none of its own: a run needs no pack.
            warnings.warn(f"decoded pixels are not kept: {error}", stacklevel=2)
            return None

    def _decoded(self, record: ImageRecord) -> Pixels:
        return load_image(self._folder / record.path)


def job_pixels(job: TrainingJob) -> ImagePixels:
    """Those of all images of a job."""
    return ImagePixels(job.images, (*job.training, *job.validation, *job.test), job.packs)


def _framed(image_HWC: Pixels, image_size: int) -> Tensor:
    image_CHW = torch.from_numpy(image_HWC.copy()).permute(2, 0, 1).float() / 255
    # Rounded back to uint8, as it is kept: a cache of float32 would hold a quarter of the images.
    return (frame(image_CHW, image_size) * 255).round().clamp(0, 255).to(torch.uint8)
