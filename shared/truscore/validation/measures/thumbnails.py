"""Small pictures of pictures, kept as text, so that rules can compare images that are no longer in memory.

H, W, C: height, width and colour.
"""

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    Bytes = NDArray[np.uint8]

THUMBNAIL_SIDE_PX = 16
HASH_DIGITS = 16  # of a 64-bit hash, hexadecimal
LABEL_PX = (24, 16)  # width, height
_LABEL_TOP_SHARE = 0.55
_LABEL_WIDTH_SHARE = 0.3
_LABEL_HEIGHT = 0.3  # of its width: a slab's label without the lower red line
_GAP_PX = 3
_LABEL_SCALE_PX = 200  # pictures are brought near this width, where one print still differs from another


def thumbnail_of(grey: "Image.Image") -> str:
    """The picture as 16 x 16 grey values."""
    return _text(_resized(grey, THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX))


def values_of(text: str) -> "Bytes":
    """The values that a thumbnail or label was made of, flat."""
    import numpy as np

    return np.frombuffer(base64.b85decode(text), dtype=np.uint8)


def similarity(one: str, other: str) -> float:
    """Correlation of two thumbnails."""
    still_HW, other_HW = (
        values_of(text).reshape(THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX).astype("float64") for text in (one, other)
    )
    return _correlation(still_HW, other_HW)


def rotated_similarity(one: str, other: str) -> float:
    """The best correlation of one thumbnail with the other one mirrored or turned; 1 where the one is the other so."""
    import numpy as np

    still_HW, moved_HW = (
        values_of(text).reshape(THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX).astype(np.float64) for text in (one, other)
    )
    turns = [np.rot90(side_HW, turn) for side_HW in (moved_HW, moved_HW[:, ::-1]) for turn in range(4)][1:]
    return max(_correlation(still_HW, turned_HW) for turned_HW in turns)


def _correlation(one_HW: "NDArray[np.float64]", other_HW: "NDArray[np.float64]") -> float:
    one_HW, other_HW = one_HW - one_HW.mean(), other_HW - other_HW.mean()
    length = float((one_HW**2).sum() * (other_HW**2).sum()) ** 0.5
    return float((one_HW * other_HW).sum()) / length if length > 0 else 0.0


def dihedral_hashes(grey: "Image.Image") -> str:
    """Difference hashes of the picture in its eight positions, one after another, first as it is."""
    import numpy as np

    wide_HW, tall_HW = _resized(grey, 9, 8), _resized(grey, 8, 9)
    positions = (
        wide_HW,
        wide_HW[:, ::-1],
        wide_HW[::-1],
        wide_HW[::-1, ::-1],
        tall_HW.T,
        tall_HW.T[:, ::-1],
        tall_HW.T[::-1],
        tall_HW.T[::-1, ::-1],
    )
    return "".join(np.packbits(cells_HW[:, 1:] > cells_HW[:, :-1]).tobytes().hex() for cells_HW in positions)


def slab_label(image_HWC: "Bytes") -> str:
    """The right half of a red-lined label in the upper half of the picture, where a grading company prints the grade.

    The label is found by the first long red line from above; empty where there is none.
    """
    import numpy as np
    from PIL import Image

    step = max(round(image_HWC.shape[1] / _LABEL_SCALE_PX), 1)
    upper_HWC = image_HWC[: int(image_HWC.shape[0] * _LABEL_TOP_SHARE) : step, ::step].astype(np.int16)
    red_HW = _is_red(upper_HWC)
    least = max(int(_LABEL_WIDTH_SHARE * red_HW.shape[1]), 1)
    enough_H = red_HW.sum(axis=1) >= least
    runs = [_longest_run(red_HW[y]) if enough else (0, 0) for y, enough in enumerate(enough_H)]
    longest = max((end - start for start, end in runs), default=0)
    if longest < least:
        return ""
    top = next(y for y, (start, end) in enumerate(runs) if end - start >= 0.85 * longest)
    left, right = runs[top]
    bottom = top + max(round(_LABEL_HEIGHT * (right - left)), 4)
    crop = (
        Image.fromarray(image_HWC)
        .convert("L")
        .crop(((left + round(0.55 * (right - left))) * step, top * step, right * step, bottom * step))
    )
    return _text(np.asarray(crop.resize(LABEL_PX, Image.Resampling.BOX)))


def _is_red(image_HWC: "NDArray[np.int16]") -> "NDArray[np.bool_]":
    import numpy as np

    red_HW = image_HWC[..., 0]
    other_HW = np.maximum(image_HWC[..., 1], image_HWC[..., 2])
    found: NDArray[np.bool_] = (red_HW - other_HW > 35) & (red_HW > 90)
    return found


def _longest_run(row_W: "NDArray[np.bool_]") -> tuple[int, int]:
    """Start and end of the longest run, gaps of a few pixels allowed."""
    import numpy as np

    places = np.flatnonzero(row_W)
    if not len(places):
        return 0, 0
    pieces = np.split(places, np.flatnonzero(np.diff(places) > _GAP_PX + 1) + 1)
    longest = max(pieces, key=lambda piece: int(piece[-1] - piece[0]))
    return int(longest[0]), int(longest[-1]) + 1


def _resized(grey: "Image.Image", width: int, height: int) -> "Bytes":
    import numpy as np
    from PIL import Image

    return np.asarray(grey.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0))


def _text(values_HW: "Bytes") -> str:
    return base64.b85encode(values_HW.tobytes()).decode("ascii")
