"""An image with what is marked on it, brought to the size the network sees.

Legend: C channels, H, W sides of the image, S side of a square, N instances, P outline points.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from truscore.augmentation.samples import Sample
from truscore.datasets import Annotation, ImageRecord
from truscore.datasets.shapes.masks import annotation_mask
from truscore.zoo.framing import frame
from truscore.zoo.resize import network_size, resize_antialiased


def sample_of(record: ImageRecord, image_HWC: NDArray[np.uint8], *, image_size: int) -> Sample:
    """The image, uint8 RGB, with its longer side at ``image_size``; each annotation of the record is an instance."""
    return marked_sample(record, scaled_image(image_HWC, image_size))


def scaled_image(image_HWC: NDArray[np.uint8], image_size: int) -> Tensor:
    """[C, H, W] uint8: the image, uint8 RGB, with its longer side at ``image_size``."""
    height, width = network_size(*image_HWC.shape[:2], image_size=image_size)
    scaled_CHW = resize_antialiased(torch.from_numpy(image_HWC.copy()).permute(2, 0, 1).float(), height, width)
    return scaled_CHW.round().clamp(0, 255).to(torch.uint8).contiguous()


def squared_sample_of(record: ImageRecord, image_HWC: NDArray[np.uint8], *, image_size: int) -> Sample:
    """[C, S, S]: the same with grey below or to the right, as networks that take squares are given it."""
    sample = sample_of(record, image_HWC, image_size=image_size)
    height, width = sample.image_CHW.shape[-2:]
    framed_CSS = frame(torch.from_numpy(image_HWC.copy()).permute(2, 0, 1).float() / 255, image_size) * 255
    return replace(
        sample,
        image_CHW=framed_CSS.round().clamp(0, 255).to(torch.uint8),
        masks_NHW=nn.functional.pad(sample.masks, (0, image_size - width, 0, image_size - height)),
    )


def marked_sample(record: ImageRecord, image_CHW: Tensor) -> Sample:
    """A scaled image with each annotation of the record as an instance."""
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
        points=_scaled(annotation.points, scale_x, scale_y),
    )
    return annotation_mask(scaled, height, width)


def _scaled(polygon: tuple[float, ...], scale_x: float, scale_y: float) -> tuple[float, ...]:
    return tuple(value * (scale_y if position % 2 else scale_x) for position, value in enumerate(polygon))
