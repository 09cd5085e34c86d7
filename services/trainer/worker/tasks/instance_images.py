"""A split of images with instances, brought to the size the network sees and kept in memory as far as that is bounded.

Legend: C channels, H, W sides, N instances.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from truscore.augmentation import Policy, Sample, augment
from truscore.augmentation.border_strips import BOX_DEVIATION, OUTLINE_DEVIATION, KnownBorder, border_strips
from truscore.augmentation.copy_paste import CopyPaste
from truscore.augmentation.loading import marked_sample
from truscore.datasets import ImageRecord
from truscore.metrics.borders import known_borders

from services.trainer.worker.pixels import ImagePixels
from services.trainer.worker.tasks.protocol import Key


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """An image as the network sees it; ``crowd_N`` marks areas that are evaluated leniently and never trained on.
    ``original_HWC`` is there where strips are cut from it and no pack keeps it."""

    sample: Sample
    crowd_N: Tensor
    original_HWC: NDArray[np.uint8] | None = None

    @property
    def size_bytes(self) -> int:
        parts = (self.sample.image_CHW, self.sample.masks, self.sample.outline_P2, self.sample.owner_P)
        return sum(part.nbytes for part in parts) + (0 if self.original_HWC is None else self.original_HWC.nbytes)


class InstanceImages:
    """A split. Scans are large and networks small: each image is decoded and scaled once, while there is room."""

    def __init__(
        self,
        records: Sequence[ImageRecord],
        *,
        folder: Path,
        image_size: int,
        seed: int,
        policy: Policy,
        cache_limit_bytes: int,
        strips: int = 0,
        kinds: int = 0,
        pixels: ImagePixels | None = None,
    ) -> None:
        """``strips``: how many are cut for each border of an image from its original, for the second stage; ``kinds``:
        of how many borders; ``pixels``: those of the folder's images, where they are kept somewhere."""
        self.records = tuple(records)
        self._pixels = pixels or ImagePixels(folder)
        self._image_size = image_size
        self._seed = seed
        self._policy = policy
        self._copy_paste = CopyPaste(self.records, policy=policy, seed=seed)
        self._strips = strips
        self._kinds = kinds
        self._cache_left_bytes = cache_limit_bytes
        self._cache: dict[int, Loaded] = {}

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, key: Key) -> Sample:
        """What the network trains on (epoch from 1: augmented) or is evaluated on (epoch 0)."""
        loaded = self.loaded(key.index)
        # COCO's crowds are areas, not instances: trained on, they would be boxes over many things.
        sample = loaded.sample.only(~loaded.crowd_N)
        if key.epoch:
            sample = augment(sample, policy=self._policy, seed=self._seed, epoch=key.epoch, index=key.index)
            sample = self._copy_paste.onto(sample, epoch=key.epoch, index=key.index, load=self._marked)
        else:
            sample = sample.visible()
        return replace(sample, targets=self._strips_of(key, loaded)) if self._strips else sample

    def loaded(self, index: int) -> Loaded:
        """The image and all that is marked on it. Raises UnreadableImage or OSError naming the file."""
        if (kept := self._cache.get(index)) is not None:
            return kept
        loaded = self._load(self.records[index])
        self._keep(index, loaded)
        return loaded

    def _marked(self, index: int) -> Sample:
        return self.loaded(index).sample

    def original(self, index: int) -> NDArray[np.uint8]:
        """The upright image in its own size, HWC."""
        kept = self._cache.get(index)
        if kept is not None and kept.original_HWC is not None:
            return kept.original_HWC
        return self._pixels.upright(self.records[index]).copy()  # to write in as well

    def _strips_of(self, key: Key, loaded: Loaded) -> dict[str, Tensor]:
        original_HWC = loaded.original_HWC
        if original_HWC is None:
            # A view: of a scan, what the strips cover is read and no more.
            original_HWC = self._pixels.upright(self.records[key.index])
        borders = [
            KnownBorder(corners_42=corners_42, kind=label - 1, deviation=BOX_DEVIATION if boxed else OUTLINE_DEVIATION)
            for label, corners_42, boxed in known_borders(self.records[key.index])
        ]
        return border_strips(
            original_HWC,
            borders,
            kinds=self._kinds,
            count=self._strips,
            seed=self._seed,
            epoch=key.epoch,
            index=key.index,
        )

    def warm(self, *, threads: int) -> None:
        """Fill the cache before worker processes are forked: they share its pages."""
        with ThreadPoolExecutor(threads) as pool:
            # Threads: decoding and resizing release the interpreter's lock.
            for index, loaded in enumerate(pool.map(self._load, self.records)):
                if not self._keep(index, loaded):
                    pool.shutdown(cancel_futures=True)
                    return

    def _keep(self, index: int, loaded: Loaded) -> bool:
        if loaded.size_bytes > self._cache_left_bytes:
            return False
        self._cache_left_bytes -= loaded.size_bytes
        self._cache[index] = loaded
        return True

    def _load(self, record: ImageRecord) -> Loaded:
        original_HWC = self._pixels.upright(record) if self._strips else None
        return Loaded(
            sample=marked_sample(record, self._pixels.scaled(record, self._image_size)),
            crowd_N=torch.tensor([annotation.crowd for annotation in record.annotations], dtype=torch.bool),
            original_HWC=None if self._pixels.packs() else original_HWC,
        )
