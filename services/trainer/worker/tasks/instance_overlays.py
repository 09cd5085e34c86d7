"""Validation images with what is really there and what was found, as PNG files: the worst ones first.

Array legend: H, W sides, C colour.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import nn
from truscore.datasets import ImageRecord
from truscore.datasets.shapes.masks import annotation_mask
from truscore.metrics.diagnostics import ImageError
from truscore.zoo.preprocess import preprocess
from truscore.zoo.resize import network_size, resize_antialiased

from services.trainer.worker.tasks.border_corners import lines_of, refined

LONGER_SIDE_PX = 640
LEAST_SCORE = 0.5
TARGET_COLOURS = ((0, 200, 83), (0, 176, 255), (255, 214, 0), (178, 255, 89))
PREDICTION_COLOURS = ((255, 23, 68), (255, 109, 0), (213, 0, 249), (255, 145, 0))
TEXT_PX = 15
DASHES = 16  # of a side


class Originals(Protocol):
    """Images of a split as they lie in the dataset."""

    @property
    def records(self) -> Sequence[ImageRecord]: ...
    def original(self, index: int) -> NDArray[np.uint8]: ...


def write_pictures(
    model: nn.Module, images: Originals, class_names: Sequence[str], folder: Path, *, shown: Sequence[ImageError]
) -> list[dict[str, Any]]:
    """Instances, one PNG an image: green and blue what is there, red and orange what was found. Of borders that a
    second stage placed, their lines; dashed is a side of which it is not sure."""
    pictures = []
    for number, error in enumerate(shown, start=1):
        picture, counts = _painted(model, images, error, class_names)
        pictures.append({**_saved(picture, images, error, number, folder), **counts})
    return pictures


def _painted(
    model: nn.Module, images: Originals, error: ImageError, class_names: Sequence[str]
) -> tuple[Image.Image, dict[str, int]]:
    original_HWC = images.original(error.image)
    image_HWC = _shown(original_HWC)
    prediction = _predictions(model, image_HWC, original_HWC)
    painted_HWC = image_HWC.copy()
    height, width = image_HWC.shape[:2]
    record = images.records[error.image]
    for annotation in record.annotations:
        target = annotation_mask(annotation, record.height, record.width)
        shown_HW = np.asarray(Image.fromarray(target).resize((width, height), Image.Resampling.NEAREST))
        painted_HWC[_edge(shown_HW)] = _colour(TARGET_COLOURS, annotation.label)
    for instance in prediction:
        if instance["lines_42"] is None:
            painted_HWC[_edge(instance["mask_HW"])] = _colour(PREDICTION_COLOURS, instance["label"])
    picture = Image.fromarray(painted_HWC)
    _draw_lines(picture, prediction)
    _name_instances(picture, prediction, class_names)
    return picture, {"real": len(record.annotations), "found": len(prediction)}


def _saved(picture: Image.Image, images: Originals, error: ImageError, number: int, folder: Path) -> dict[str, Any]:
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=TEXT_PX)
    left, top, right, bottom = pen.textbbox((6, 4), error.text, font=font)
    pen.rectangle((left - 4, top - 3, right + 4, bottom + 3), fill=(16, 20, 28))
    pen.text((6, 4), error.text, fill=(255, 255, 255), font=font)
    name = f"validation-{number:02d}.png"
    picture.save(folder / name)
    path = images.records[error.image].path
    return {"file": name, "image": path, "error": error.error, "text": error.text}


def _shown(image_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = network_size(*image_HWC.shape[:2], image_size=LONGER_SIDE_PX)
    scaled_CHW = resize_antialiased(torch.from_numpy(image_HWC.copy()).permute(2, 0, 1).float(), height, width)
    shown: NDArray[np.uint8] = scaled_CHW.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    return shown


def _predictions(
    model: nn.Module, image_HWC: NDArray[np.uint8], original_HWC: NDArray[np.uint8]
) -> list[dict[str, Any]]:
    image_CHW = preprocess(image_HWC).to(next(model.parameters()).device)
    with torch.no_grad():
        (prediction,) = model([image_CHW])
        if (stage := getattr(model, "border_lines", None)) is not None:
            prediction |= refined(stage, original_HWC, image_CHW, prediction)
    lines = lines_of(prediction) or [None] * len(prediction["labels"])
    sure = prediction["line_confidence"].tolist() if "line_confidence" in prediction else lines
    boxes = prediction["boxes"].tolist()
    masks = (
        [(mask_1HW[0] >= 0.5).cpu().numpy() for mask_1HW in prediction["masks"]]
        if "masks" in prediction
        else [_box_mask(box, *image_HWC.shape[:2]) for box in boxes]
    )
    return [
        {
            "label": int(label),
            "score": float(score),
            "box": box,
            "mask_HW": mask_HW,
            "lines_42": lines_42,
            "confidence_4": confidence_4,
        }
        for label, score, box, mask_HW, lines_42, confidence_4 in zip(
            prediction["labels"], prediction["scores"], boxes, masks, lines, sure, strict=True
        )
        if float(score) >= LEAST_SCORE
    ]


def _draw_lines(picture: Image.Image, prediction: list[dict[str, Any]]) -> None:
    pen = ImageDraw.Draw(picture)
    for instance in prediction:
        if instance["lines_42"] is None:
            continue
        corners_42 = np.array(instance["lines_42"])
        for side, confidence in enumerate(instance["confidence_4"]):
            start_2, end_2 = corners_42[side], corners_42[(side + 1) % 4]
            # From a dash to the next, of a side that is sure to its end.
            ends = (
                ((0.0, 1.0),) if confidence > 0 else tuple((at / DASHES, (at + 0.5) / DASHES) for at in range(DASHES))
            )
            for first, last in ends:
                points = [tuple(start_2 + share * (end_2 - start_2)) for share in (first, last)]
                pen.line(points, fill=_colour(PREDICTION_COLOURS, instance["label"]), width=2)


def _box_mask(box_xyxy: Sequence[float], height: int, width: int) -> NDArray[np.bool_]:
    left, top, right, bottom = (max(0, round(value)) for value in box_xyxy)
    mask_HW = np.zeros((height, width), dtype=np.bool_)
    mask_HW[top:bottom, left:right] = True
    return mask_HW


def _edge(mask_HW: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of the mask that touch its outside; two pixels thick."""
    inside = mask_HW
    for _ in range(2):
        padded = np.pad(inside, 1)
        inside = inside & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask_HW & ~inside


def _colour(colours: tuple[tuple[int, int, int], ...], label: int) -> tuple[int, int, int]:
    return colours[(label - 1) % len(colours)]


def _name_instances(picture: Image.Image, prediction: list[dict[str, Any]], class_names: Sequence[str]) -> None:
    pen = ImageDraw.Draw(picture)
    for instance in prediction:
        x, y = instance["box"][:2]
        text = f"{class_names[instance['label'] - 1]} {instance['score']:.2f}"
        pen.text((x + 4, y + 4), text, fill=_colour(PREDICTION_COLOURS, instance["label"]))
