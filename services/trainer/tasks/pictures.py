"""Validation images with what is really there and what was found, as PNG files.

Array legend: H, W sides, C colour.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import nn
from truscore.datasets.masks import annotation_mask
from truscore.zoo.detection import preprocess
from truscore.zoo.resize import network_size, resize_antialiased

from services.trainer.tasks.instance_images import InstanceImages

LONGER_SIDE_PX = 640
LEAST_SCORE = 0.5
REAL_COLOURS = ((0, 200, 83), (0, 176, 255), (255, 214, 0), (178, 255, 89))
FOUND_COLOURS = ((255, 23, 68), (255, 109, 0), (213, 0, 249), (255, 145, 0))


def write_pictures(
    model: nn.Module, images: InstanceImages, class_names: Sequence[str], folder: Path, *, most: int
) -> list[dict[str, Any]]:
    """The first images of the split, one PNG each: green and blue what is there, red and orange what was found."""
    return [_write(model, images, index, class_names, folder) for index in range(min(most, len(images)))]


def _write(
    model: nn.Module, images: InstanceImages, index: int, class_names: Sequence[str], folder: Path
) -> dict[str, Any]:
    image_HWC = _shown(images.original(index))
    found = _found(model, image_HWC)
    painted_HWC = image_HWC.copy()
    height, width = image_HWC.shape[:2]
    record = images.records[index]
    for annotation in record.annotations:
        real = annotation_mask(annotation, record.height, record.width)
        shown_HW = np.asarray(Image.fromarray(real).resize((width, height), Image.Resampling.NEAREST))
        painted_HWC[_edge(shown_HW)] = _colour(REAL_COLOURS, annotation.label)
    for instance in found:
        painted_HWC[_edge(instance["mask_HW"])] = _colour(FOUND_COLOURS, instance["label"])
    picture = Image.fromarray(painted_HWC)
    _name_instances(picture, found, class_names)
    name = f"validation-{index + 1:02d}.png"
    picture.save(folder / name)
    return {"file": name, "image": record.path, "real": len(record.annotations), "found": len(found)}


def _shown(image_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = network_size(*image_HWC.shape[:2], image_size=LONGER_SIDE_PX)
    scaled_CHW = resize_antialiased(torch.from_numpy(image_HWC.copy()).permute(2, 0, 1).float(), height, width)
    shown: NDArray[np.uint8] = scaled_CHW.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    return shown


def _found(model: nn.Module, image_HWC: NDArray[np.uint8]) -> list[dict[str, Any]]:
    device = next(model.parameters()).device
    with torch.no_grad():
        (found,) = model([preprocess(image_HWC).to(device)])
    return [
        {"label": int(label), "score": float(score), "box": box.tolist(), "mask_HW": (mask_1HW[0] >= 0.5).cpu().numpy()}
        for label, score, box, mask_1HW in zip(
            found["labels"], found["scores"], found["boxes"], found["masks"], strict=True
        )
        if float(score) >= LEAST_SCORE
    ]


def _edge(mask_HW: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of the mask that touch its outside; two pixels thick."""
    inside = mask_HW
    for _ in range(2):
        padded = np.pad(inside, 1)
        inside = inside & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask_HW & ~inside


def _colour(colours: tuple[tuple[int, int, int], ...], label: int) -> tuple[int, int, int]:
    return colours[(label - 1) % len(colours)]


def _name_instances(picture: Image.Image, found: list[dict[str, Any]], class_names: Sequence[str]) -> None:
    pen = ImageDraw.Draw(picture)
    for instance in found:
        x, y = instance["box"][:2]
        text = f"{class_names[instance['label'] - 1]} {instance['score']:.2f}"
        pen.text((x + 4, y + 4), text, fill=_colour(FOUND_COLOURS, instance["label"]))
