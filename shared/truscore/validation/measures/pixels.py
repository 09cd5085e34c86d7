"""What one image's pixels say about it. H, W, C: height, width and colour."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from truscore.validation.measures.image_stats import (
    blockiness_of,
    colour_of,
    entropy_of,
    laplacian_variance,
    percentile,
)
from truscore.validation.measures.thumbnails import dihedral_prints, sketch_of, slab_label

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image


@dataclass(frozen=True, kw_only=True, slots=True)
class Pixels:
    """Statistics of the thumbnail; values from 0 to 255, shares from 0 to 1. Sketches are texts, empty for none."""

    mean: float
    spread: float  # between the 1st and the 99th percentile
    sharpness: float  # variance of the Laplacian
    dark_share: float  # of pixels at most 5
    bright_share: float  # of pixels at least 250
    entropy: float = 8.0  # of the grey levels, in bits
    blockiness: float = 1.0  # steps across the 8-pixel grid of JPEG over steps beside it, at full size
    colour: float = 0.0  # mean difference of the strongest and the weakest of red, green and blue
    warmth: float = 0.0  # mean of red less mean of blue
    sketch: str = ""  # 16 x 16 grey values
    prints: str = ""  # eight difference hashes: the image, mirrored, and turned
    label: str = ""  # right half of a slab's red-lined label, 24 x 16 grey values


def measure(grey_HW: "NDArray[np.uint8]") -> Pixels:
    """Statistics of a grey picture of at least one pixel."""
    import numpy as np

    counts_N = np.bincount(grey_HW.ravel(), minlength=256)
    return Pixels(
        mean=float(counts_N @ np.arange(256)) / grey_HW.size,
        spread=percentile(counts_N, 99) - percentile(counts_N, 1),
        sharpness=laplacian_variance(grey_HW),
        dark_share=float(counts_N[:6].sum()) / grey_HW.size,
        bright_share=float(counts_N[250:].sum()) / grey_HW.size,
        entropy=entropy_of(counts_N),
    )


def measure_image(image: "Image.Image | NDArray[np.uint8]", *, thumbnail_px: int) -> Pixels:
    """Statistics of an upright RGB image, most taken from its thumbnail of at most `thumbnail_px` a side."""
    import numpy as np
    from PIL import Image

    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    factor = math.ceil(max(picture.size) / thumbnail_px)
    small = picture.reduce(factor) if factor > 1 else picture
    grey = small.convert("L")
    small_HWC = np.asarray(small)
    colour, warmth = colour_of(small_HWC)
    return replace(
        measure(np.asarray(grey)),
        blockiness=blockiness_of(np.asarray(picture.getchannel("G"))),
        colour=colour,
        warmth=warmth,
        sketch=sketch_of(grey),
        prints=dihedral_prints(grey),
        label=slab_label(small_HWC),
    )
