"""Pictures as the model gets them: decoded within bounds, upright, and no larger than memory allows.

Array legend: H, W height and width, C colour (red, green, blue).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from truscore.datasets import load_image

# Masks come at the picture's size, 4 bytes a pixel and finding: fifty of 8 megapixels are 1.7 GB. A card of 2.5 by
# 3.5 inches has 8 megapixels at 980 dots an inch.
MOST_PIXELS = 8 << 20
ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """`image_HWC` is what the model sees, `width` and `height` are those of the upright file."""

    image_HWC: NDArray[np.uint8]
    width: int
    height: int

    @property
    def scale(self) -> tuple[float, float]:
        """From pixels the model saw to pixels of the file, along x and y; 1 unless the picture was too large."""
        return self.width / self.image_HWC.shape[1], self.height / self.image_HWC.shape[0]


def load_picture(path: Path, *, most_pixels: int = MOST_PIXELS) -> Picture:
    """Raises UnreadableImage and OSError."""
    image_HWC = load_image(path)
    height, width = image_HWC.shape[:2]
    if height * width > most_pixels:
        factor = (most_pixels / (height * width)) ** 0.5
        size = max(1, int(width * factor)), max(1, int(height * factor))
        image_HWC = np.asarray(Image.fromarray(image_HWC).resize(size, Image.Resampling.BOX), dtype=np.uint8)
    return Picture(image_HWC=image_HWC, width=width, height=height)


def files_of(paths: list[Path]) -> list[Path]:
    """The pictures: each file as it is named, and of each folder all files with the ending of a picture, sorted.

    Raises FileNotFoundError for a path that is not there and for a folder that holds none.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            if not path.exists():
                raise FileNotFoundError(f"{path} is not there")
            found.append(path)
            continue
        inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in ENDINGS and file.is_file())
        if not inside:
            raise FileNotFoundError(f"{path} holds no picture; accepted: {', '.join(sorted(ENDINGS))}")
        found += inside
    return list(dict.fromkeys(found))
