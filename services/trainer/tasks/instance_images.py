"""A split of images with instances, brought to the size the network sees and kept in memory as far as that is bounded.

Legend: C channels, H, W sides, N instances, P outline points.
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
from truscore.datasets import Annotation, ImageRecord, load_image
from truscore.datasets.masks import annotation_mask
from truscore.zoo.resize import network_size, resize_antialiased

from services.trainer.tasks.protocol import Key


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """An image as the network sees it; ``crowd_N`` marks areas that are judged leniently and never trained on."""

    sample: Sample
    crowd_N: Tensor

    @property
    def size_bytes(self) -> int:
        parts = (self.sample.image_CHW, self.sample.masks, self.sample.outline_P2, self.sample.owner_P)
        return sum(part.nbytes for part in parts)


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
    ) -> None:
        self.records = tuple(records)
        self._folder = folder
        self._image_size = image_size
        self._seed = seed
        self._policy = policy
        self._room_bytes = cache_limit_bytes
        self._cache: dict[int, Loaded] = {}

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, key: Key) -> Sample:
        """What the network trains on (epoch from 1: augmented) or is judged by (epoch 0)."""
        loaded = self.loaded(key.index)
        sample = loaded.sample.only(~loaded.crowd_N)
        if key.epoch:
            return augment(sample, policy=self._policy, seed=self._seed, epoch=key.epoch, index=key.index)
        return sample.visible()

    def loaded(self, index: int) -> Loaded:
        """The image and all that is marked on it. Raises UnreadableImage or OSError naming the file."""
        if (kept := self._cache.get(index)) is not None:
            return kept
        loaded = self._load(self.records[index])
        self._keep(index, loaded)
        return loaded

    def original(self, index: int) -> NDArray[np.uint8]:
        """The upright image in its own size, HWC."""
        return load_image(self._folder / self.records[index].path)

    def warm(self, *, threads: int) -> None:
        """Fill the cache before worker processes are forked: they share its pages."""
        with ThreadPoolExecutor(threads) as pool:
            for index, loaded in enumerate(pool.map(self._load, self.records)):
                if not self._keep(index, loaded):
                    pool.shutdown(cancel_futures=True)
                    return

    def _keep(self, index: int, loaded: Loaded) -> bool:
        if loaded.size_bytes > self._room_bytes:
            return False
        self._room_bytes -= loaded.size_bytes
        self._cache[index] = loaded
        return True

    def _load(self, record: ImageRecord) -> Loaded:
        image_HWC = load_image(self._folder / record.path)
        height, width = network_size(*image_HWC.shape[:2], image_size=self._image_size)
        scaled_CHW = resize_antialiased(torch.from_numpy(image_HWC.copy()).permute(2, 0, 1).float(), height, width)
        return Loaded(
            sample=_sample(scaled_CHW.round().clamp(0, 255).to(torch.uint8), record),
            crowd_N=torch.tensor([annotation.crowd for annotation in record.annotations], dtype=torch.bool),
        )


def _sample(image_CHW: Tensor, record: ImageRecord) -> Sample:
    height, width = image_CHW.shape[-2:]
    scale_2 = np.array([width / record.width, height / record.height])
    boxes = [_xyxy(annotation, scale_2) for annotation in record.annotations]
    outlines = [_outline(annotation, record) * scale_2 for annotation in record.annotations]
    masks = [_mask(annotation, record, height, width) for annotation in record.annotations]
    owners = np.repeat(np.arange(len(outlines)), [len(outline) for outline in outlines])
    return Sample(
        image_CHW=image_CHW,
        boxes_N4=torch.tensor(np.array(boxes).reshape(-1, 4), dtype=torch.float32),
        labels_N=torch.tensor([annotation.label for annotation in record.annotations], dtype=torch.int64),
        masks_NHW=torch.from_numpy(np.array(masks, dtype=np.uint8).reshape(-1, height, width)),
        outline_P2=torch.tensor(np.concatenate([np.zeros((0, 2)), *outlines]), dtype=torch.float32),
        owner_P=torch.from_numpy(owners.astype(np.int64)),
    )


def _xyxy(annotation: Annotation, scale_2: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, width, height = annotation.box_xywh
    return np.concatenate([np.array([x, y]) * scale_2, np.array([x + width, y + height]) * scale_2])


def _outline(annotation: Annotation, record: ImageRecord) -> NDArray[np.float64]:
    """[P, 2] points, in pixels of the record, whose smallest box is the instance's however it is turned."""
    if annotation.rle is not None:
        return _rim(annotation_mask(annotation, record.height, record.width))
    if annotation.polygons:
        return np.concatenate([np.array(polygon).reshape(-1, 2) for polygon in annotation.polygons])
    x, y, width, height = annotation.box_xywh
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])


def _rim(mask_HW: NDArray[np.bool_]) -> NDArray[np.float64]:
    rows = np.flatnonzero(mask_HW.any(axis=1))
    if not len(rows):
        return np.zeros((1, 2))
    left = mask_HW[rows].argmax(axis=1)
    right = mask_HW.shape[1] - mask_HW[rows, ::-1].argmax(axis=1)
    corners = [(x, y) for x in (left, right) for y in (rows, rows + 1)]
    return np.concatenate([np.stack(corner, axis=1) for corner in corners]).astype(np.float64)


def _mask(annotation: Annotation, record: ImageRecord, height: int, width: int) -> NDArray[np.bool_]:
    """[height, width]; shapes are scaled before they are drawn, so that a scan of 4 megapixels costs as little."""
    scale_x, scale_y = width / record.width, height / record.height
    if annotation.rle is not None:
        full = torch.from_numpy(annotation_mask(annotation, record.height, record.width))
        return resize_antialiased(full[None].float(), height, width)[0].ge(0.5).numpy()
    x, y, box_width, box_height = annotation.box_xywh
    scaled = replace(
        annotation,
        box_xywh=(x * scale_x, y * scale_y, box_width * scale_x, box_height * scale_y),
        polygons=tuple(_scaled(polygon, scale_x, scale_y) for polygon in annotation.polygons),
    )
    return annotation_mask(scaled, height, width)


def _scaled(polygon: tuple[float, ...], scale_x: float, scale_y: float) -> tuple[float, ...]:
    return tuple(value * (scale_y if position % 2 else scale_x) for position, value in enumerate(polygon))
