"""What a mask file marks. Array legend: H height, W width."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truscore.datasets.images.decode import UnreadableImage, opened, read_bounded
from truscore.datasets.limits import Limits
from truscore.datasets.shapes.parse import BadShape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# A mask with few values, all of them small, numbers its classes; grey edges go up to white.
_CLASS_VALUES = 64
_FEW_VALUES = 8
_LEAST_PIXELS = 16
_BESIDE = 16  # how far a value may be from black or white and still be that
_MIDDLE = JPEG_THRESHOLD = 127
# How far JPEG moves black and white, and how much of a mask may lie between: the edges.
_JPEG_NOISE = 64
_MOST_BETWEEN, _LEAST_SHARE = 0.5, 0.001


@dataclass(frozen=True, kw_only=True, slots=True)
class BinaryMask:
    """`mask_HW` is what lies above the threshold; `ambiguity` says what depends on it, where much does."""

    mask_HW: NDArray[np.bool_]
    ambiguity: str = ""


def load_mask(path: Path, limits: Limits) -> NDArray[Any]:
    """The mask's values [H, W] as stored, palette masks as their indexes. Raises BadShape."""
    import numpy as np

    try:
        with opened(read_bounded(path, limits=limits), limits=limits) as image:
            values = np.asarray(image)
    except UnreadableImage as error:
        raise BadShape("label.mask_unreadable", error.reason) from error
    if values.ndim == 2:
        return values.astype(np.uint8) if values.dtype == np.bool_ else values
    colours_HWC = values[..., :3]
    if values.ndim == 3 and (values.shape[2] < 3 or (colours_HWC == colours_HWC[..., :1]).all()):
        return values[..., 0]
    raise BadShape("label.mask_values", "the mask is coloured; expected one value for each pixel")


def binarise(values_HW: NDArray[Any], *, threshold: int | None, few_are_numbers: bool = False) -> BinaryMask:
    """Pixels above the threshold; without one, those that are not 0 where there are two values. Raises BadShape, with
    `few_are_numbers` for a mask of few values too, however large: soft edges have many."""
    import numpy as np

    if threshold is not None:
        return BinaryMask(mask_HW=values_HW > threshold)
    found, counts = np.unique(values_HW, return_counts=True)
    if len(found) <= 2 and (len(found) == 1 or found[0] == 0):
        return BinaryMask(mask_HW=values_HW > 0)
    # A soft edge has each of its values once or twice.
    large = found[counts >= _LEAST_PIXELS].tolist()
    between = [value for value in large if _BESIDE < value < int(found[-1]) - _BESIDE]
    if found[-1] < _CLASS_VALUES or (few_are_numbers and between and len(found) <= _FEW_VALUES):
        listed = ", ".join(map(str, found[:8]))
        raise BadShape(
            "label.mask_values", f"values {listed} look like class numbers; declare mask_values or a mask_threshold"
        )
    middle = _MIDDLE if values_HW.dtype == np.uint8 else int(found[-1]) // 2
    mask_HW = values_HW > middle
    area, wide = int(mask_HW.sum()), int((values_HW > 0).sum())
    ambiguity = f"{len(found)} values from {found[0]} to {found[-1]}; above {middle} lie {area} pixels, above 0 {wide}"
    return BinaryMask(mask_HW=mask_HW, ambiguity=f"{ambiguity}: declare a mask_threshold ({middle} was taken)")


def binarise_lossy(values_HW: NDArray[Any]) -> BinaryMask:
    """Pixels above the middle of a mask that was saved as JPEG. Raises BadShape where it was not black and white."""
    between = (values_HW > _JPEG_NOISE) & (values_HW < 255 - _JPEG_NOISE)
    marked = values_HW > JPEG_THRESHOLD
    if between.sum() > _MOST_BETWEEN * max(int((values_HW > _JPEG_NOISE).sum()), 1) and between.mean() > _LEAST_SHARE:
        share = 100 * float(between.mean())
        text = f"{share:.1f} % of the pixels are neither black nor white, and JPEG keeps no numbers"
        raise BadShape("label.mask_values", f"{text}; declare a mask_threshold, or save the mask as PNG")
    return BinaryMask(mask_HW=marked)
