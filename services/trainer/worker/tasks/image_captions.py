"""Validation images that went worst, with what is real and what was found written below them, as PNG files.

Array legend: H, W sides, C colour.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from truscore.metrics.diagnostics import Diagnostics
from truscore.zoo.resize import network_size, resize_antialiased

from services.trainer.worker.tasks.framed_images import FramedImages

LONGER_SIDE_PX = 480
STRIP_PX = 18


def write_pictures(images: FramedImages, diagnostics: Diagnostics, folder: Path, *, most: int) -> list[dict[str, Any]]:
    """The images that went worst, one PNG each; where fewer went wrong, the first ones of the split after them."""
    by_image = {error.image: error for error in diagnostics.image_errors}
    shown = list(dict.fromkeys([*diagnostics.worst(most), *sorted(by_image)]))[:most]
    pictures = []
    for number, index in enumerate(shown, start=1):
        error, name = by_image[index], f"validation-{number:02d}.png"
        _captioned(_scaled(images.original(index)), error.text).save(folder / name)
        pictures.append({"file": name, "image": images.records[index].path, "error": error.error, "text": error.text})
    return pictures


def _captioned(image_HWC: NDArray[np.uint8], text: str) -> Image.Image:
    height, width = image_HWC.shape[:2]
    picture = Image.new("RGB", (width, height + STRIP_PX), (24, 24, 28))
    picture.paste(Image.fromarray(image_HWC))
    ImageDraw.Draw(picture).text((4, height + 3), text, fill=(238, 234, 222))
    return picture


def _scaled(image_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = network_size(*image_HWC.shape[:2], image_size=LONGER_SIDE_PX)
    scaled_CHW = resize_antialiased(torch.from_numpy(image_HWC.copy()).permute(2, 0, 1).float(), height, width)
    shown: NDArray[np.uint8] = scaled_CHW.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    return shown
