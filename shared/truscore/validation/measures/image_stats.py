"""Statistics of one image: light, detail and damage. H, W, C: height, width and colour."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from truscore.validation.measures.thumbnails import dihedral_hashes, slab_label, thumbnail_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

GRID = 8  # pixels of a JPEG block's side
# Steps between neighbours (of 255) that are smaller are not seen, and count as this much.
LEAST_STEP = 0.25
_LINES = 256  # lines that are looked at across each direction


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageStats:
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
    thumbnail: str = ""  # 16 x 16 grey values
    dihedral_hashes: str = ""  # eight difference hashes: the image, mirrored, and turned
    slab_label: str = ""  # right half of a slab's red-lined label, 24 x 16 grey values


def measure(grey_HW: "NDArray[np.uint8]") -> ImageStats:
    """Statistics of a grey picture of at least one pixel."""
    import numpy as np

    counts_N = np.bincount(grey_HW.ravel(), minlength=256)
    return ImageStats(
        mean=float(counts_N @ np.arange(256)) / grey_HW.size,
        spread=percentile(counts_N, 99) - percentile(counts_N, 1),
        sharpness=laplacian_variance(grey_HW),
        dark_share=float(counts_N[:6].sum()) / grey_HW.size,
        bright_share=float(counts_N[250:].sum()) / grey_HW.size,
        entropy=entropy_of(counts_N),
    )


def measure_image(image: "Image.Image | NDArray[np.uint8]", *, thumbnail_px: int) -> ImageStats:
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
        thumbnail=thumbnail_of(grey),
        dihedral_hashes=dihedral_hashes(grey),
        slab_label=slab_label(small_HWC),
    )


def percentile(counts_N: "NDArray[np.int64]", percent: float) -> float:
    """Of values that occur so often, between two neighbouring ones in proportion, as numpy has it."""
    import numpy as np

    upto_N = counts_N.cumsum()
    rank = percent / 100 * (int(upto_N[-1]) - 1)
    low, high = (int(np.searchsorted(upto_N, place, side="right")) for place in (int(rank), int(np.ceil(rank))))
    return float(low + (high - low) * (rank - int(rank)))


def laplacian_variance(grey_HW: "NDArray[np.uint8]") -> float:
    """Variance of the Laplacian (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy")."""
    import numpy as np

    if min(grey_HW.shape) < 3:
        return 0.0
    wide_HW = grey_HW.astype("int16")
    detail_HW = wide_HW[:-2, 1:-1] + wide_HW[2:, 1:-1]
    detail_HW += wide_HW[1:-1, :-2]
    detail_HW += wide_HW[1:-1, 2:]
    detail_HW -= 4 * wide_HW[1:-1, 1:-1]
    detail_N = detail_HW.ravel().astype("float64")
    # Not the product of BLAS: its threads would fight with those that decode.
    square = float(np.einsum("i,i->", detail_N, detail_N))
    variance: float = square / detail_N.size - float(detail_N.mean()) ** 2
    return variance if variance > 0 else 0.0


def entropy_of(counts_N: "NDArray[np.int64]") -> float:
    """Entropy in bits of how often each grey level occurs, 0 to 8 (Shannon 1948)."""
    import numpy as np

    share_N = counts_N[counts_N > 0] / counts_N.sum()
    return float(-(share_N * np.log2(share_N)).sum()) + 0.0


def colour_of(image_HWC: "NDArray[np.uint8]") -> tuple[float, float]:
    """Mean difference of the strongest and the weakest colour, and mean of red less mean of blue."""
    import numpy as np

    # Colour by colour: along an axis of three numpy is twenty times slower.
    red_HW, green_HW, blue_HW = image_HWC[..., 0], image_HWC[..., 1], image_HWC[..., 2]
    strongest_HW = np.maximum(np.maximum(red_HW, green_HW), blue_HW)
    weakest_HW = np.minimum(np.minimum(red_HW, green_HW), blue_HW)
    return float((strongest_HW - weakest_HW).mean()), float(red_HW.mean() - blue_HW.mean())


def blockiness_of(green_HW: "NDArray[np.uint8]") -> float:
    """Steps across the lines of an 8-pixel grid over the steps beside them; 1 where there is no such grid.

    After Wang, Sheikh and Bovik 2002, "No-reference perceptual quality assessment of JPEG compressed images", eq. 1 and
    2, as a ratio. Of the two directions the lesser counts: a grid has both, a screen or a fence has one.
    """
    return min(_grid_ratio(green_HW), _grid_ratio(green_HW.T))


def medians_by_phase(step_W: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Of each phase of the grid. All at once: numpy's median takes longer than all else here."""
    import numpy as np

    rows = -(-len(step_W) // GRID)
    filled_N = np.full(rows * GRID, np.inf)
    filled_N[: len(step_W)] = step_W
    ordered_RP = np.sort(filled_N.reshape(rows, GRID), axis=0)
    phases = np.arange(GRID)
    count_P = (len(step_W) - phases + GRID - 1) // GRID
    return np.asarray((ordered_RP[(count_P - 1) // 2, phases] + ordered_RP[count_P // 2, phases]) / 2)


def _grid_ratio(grey_HW: "NDArray[np.uint8]") -> float:
    import numpy as np

    height, width = grey_HW.shape
    if min(height, width) < 4 * GRID:
        return 1.0
    lines_LW = grey_HW[:: max(height // _LINES, 1)].astype(np.int16)
    step_W = np.abs(np.diff(lines_LW, axis=1)).mean(axis=0)
    # The median, for a table of squares has lines on the grid too, but not on every line of it.
    phase_P = medians_by_phase(step_W)
    # Turned upright, a picture's grid may begin anywhere.
    grid = int(phase_P.argmax())
    beside = float(np.delete(phase_P, grid).mean())
    return float(phase_P[grid]) / max(beside, LEAST_STEP)
