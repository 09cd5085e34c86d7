"""What an image is like, apart from what it shows."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from truscore.datasets import ImageRecord
from truscore.validation.measures.image_stats import measure

MOST_IMAGES = 200
SMALL_PX = 240


@dataclass(frozen=True, kw_only=True, slots=True)
class Properties:
    """``sharpness`` is the variance of the Laplacian over the square of the contrast, so that dim images aren't blurred
    ones; both and ``brightness`` (0 to 255) are of a thumbnail. ``instances`` counts what is marked on the image.
    """

    brightness: float
    contrast: float
    sharpness: float
    megapixels: float
    instances: int


@runtime_checkable
class Originals(Protocol):
    """Images of a split as they lie in the dataset."""

    records: tuple[ImageRecord, ...]

    def original(self, index: int) -> NDArray[np.uint8]: ...


def image_properties(images: Originals, *, most: int = MOST_IMAGES) -> dict[int, Properties]:
    """By index; of a split with more images, of so many that are spread evenly over it."""
    count = len(images.records)
    chosen = sorted({round(place) for place in np.linspace(0, count - 1, min(most, count))}) if count else []
    return {index: _properties(images.original(index), images.records[index]) for index in chosen}


def _properties(image_HWC: NDArray[np.uint8], record: ImageRecord) -> Properties:
    picture = Image.fromarray(image_HWC)
    factor = -(-max(picture.size) // SMALL_PX)
    pixels = measure(np.asarray((picture.reduce(factor) if factor > 1 else picture).convert("L")))
    return Properties(
        brightness=pixels.mean,
        contrast=pixels.spread,
        sharpness=pixels.sharpness / max(pixels.spread, 1.0) ** 2,
        megapixels=record.width * record.height / 1e6,
        instances=len(record.annotations),
    )
