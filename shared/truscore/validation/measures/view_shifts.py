"""How far the views of one object lie off each other, in pixels. L lights, H and W sides, T tiles, S side of a tile.

The logarithm of a view is that of the print plus that of the shading: fine detail of print is the same under any light,
detail of shading is not. So each view is registered to the median of the others by what is fine in the logarithm, tile
by tile (cross-correlation by Fourier's transform, its peak to a fraction of a pixel), and a shift counts only where the
tiles agree on how a flat thing was moved and turned. Shading that wanders with the light moves each tile its own way:
of things without print nothing is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.floating]
    Mask = NDArray[np.bool_]

LEAST_VIEWS = 3  # of two nobody knows which was moved
LEAST_SIDE_PX = 64
_DARK = 4.0  # of 255: what is darker is noise, and has no logarithm
_FINE_PX, _COARSE_PX = 1.0, 4.0  # standard deviations of the Gaussians whose difference is kept
_MOST_DETAIL = 0.5
_TILES_A_SIDE = 4
_TILE_PX = 192
_REACH_PX = 12
_ALIKE = 0.6  # correlation of a tile with the same place of the others, once it is moved back
# Of the tiles that are alike, how far half of them and four fifths may lie off the common motion: pixels, and of it.
_HALF_OFF, _MOST_OFF = (0.3, 0.2), (0.7, 0.35)
_ROUNDS = 3
_MANY = 12  # views beside which one more or less does not change the median


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewShift:
    """How a view lies against the others: pixels to the right and down in its middle, and how far half of its tiles are
    moved where it is turned or larger as well."""

    right_px: float
    down_px: float
    moved_px: float


def view_shifts(greys_LHW: Sequence["Numbers"], *, least_px: float) -> "list[ViewShift | None]":
    """Of views with values 0 to 255 and one size; None where nothing can be said.

    A view that is moved by `least_px` and most is no ruler for the others: they are registered again without it.
    """
    import numpy as np

    height, width = greys_LHW[0].shape
    if len(greys_LHW) < LEAST_VIEWS or min(height, width) < LEAST_SIDE_PX:
        return [None] * len(greys_LHW)
    details_LHW = np.stack([_fine_detail(grey_HW) for grey_HW in greys_LHW])
    found = _registered(details_LHW, left_out=())
    left_out: list[int] = []
    while len(details_LHW) - len(left_out) > LEAST_VIEWS - 1:
        moved = {view: one.moved_px for view, one in enumerate(found) if one is not None and view not in left_out}
        worst = max(moved, key=lambda view: moved[view], default=None)
        if worst is None or moved[worst] < least_px:
            break
        left_out.append(worst)
        again = _registered(details_LHW, left_out=left_out)
        found = [found[view] if view in left_out else one for view, one in enumerate(again)]
    return found


def _fine_detail(grey_HW: "Numbers") -> "Numbers":
    import cv2
    import numpy as np

    log_HW = np.log(np.maximum(grey_HW, _DARK)).astype(np.float32)
    fine_HW = cv2.GaussianBlur(log_HW, (0, 0), _FINE_PX) - cv2.GaussianBlur(log_HW, (0, 0), _COARSE_PX)
    clipped_HW: Numbers = np.clip(fine_HW, -_MOST_DETAIL, _MOST_DETAIL)
    return clipped_HW


def _registered(details_LHW: "Numbers", *, left_out: Sequence[int]) -> list[ViewShift | None]:
    import numpy as np

    rulers = [view for view in range(len(details_LHW)) if view not in left_out]
    if len(rulers) >= _MANY:
        common_HW = np.median(details_LHW[rulers], axis=0)
        return [_against(common_HW, detail_HW) for detail_HW in details_LHW]
    # Of few views each one's own part in the median is a vote for not being moved.
    others = ([ruler for ruler in rulers if ruler != view] for view in range(len(details_LHW)))
    return [
        _against(np.median(details_LHW[those], axis=0), detail_HW)
        for those, detail_HW in zip(others, details_LHW, strict=True)
    ]


def _against(ruler_HW: "Numbers", detail_HW: "Numbers") -> ViewShift | None:
    import numpy as np

    height, width = ruler_HW.shape
    side = min(_TILE_PX, max(LEAST_SIDE_PX // 2, min(height, width) // 3))
    corners_T2 = [(top, left) for top in _starts(height, side) for left in _starts(width, side)]
    tiles = [(slice(top, top + side), slice(left, left + side)) for top, left in corners_T2]
    shifts_T3 = np.array([_tile_shift(ruler_HW[tile], detail_HW[tile]) for tile in tiles])
    at_T2 = np.array([(left + side / 2 - width / 2, top + side / 2 - height / 2) for top, left in corners_T2])
    return _common_motion(at_T2, shifts_T3[:, :2], shifts_T3[:, 2] >= _ALIKE)


def _starts(length: int, side: int) -> list[int]:
    import numpy as np

    return [int(start) for start in np.linspace(0, length - side, _TILES_A_SIDE)]


def _tile_shift(ruler_SS: "Numbers", tile_SS: "Numbers") -> tuple[float, float, float]:
    """Pixels to the right and down, and the correlation there."""
    import cv2
    import numpy as np

    side = len(ruler_SS)
    reach = min(_REACH_PX, side // 3)
    window_SS = cv2.createHanningWindow((side, side), cv2.CV_32F)
    one_SS, other_SS = ((each_SS - each_SS.mean()) * window_SS for each_SS in (ruler_SS, tile_SS))
    product_SS = np.fft.irfft2(np.fft.rfft2(one_SS).conj() * np.fft.rfft2(other_SS), s=(side, side))
    length = float((one_SS**2).sum() * (other_SS**2).sum()) ** 0.5
    if not length:
        return 0.0, 0.0, 0.0
    near_RR = np.roll(product_SS, (reach, reach), axis=(0, 1))[: 2 * reach + 1, : 2 * reach + 1] / length
    down, right = (int(place) for place in np.unravel_index(near_RR.argmax(), near_RR.shape))
    return (
        right - reach + _vertex(near_RR[down], right),
        down - reach + _vertex(near_RR[:, right], down),
        float(near_RR[down, right]),
    )


def _vertex(row_R: "Numbers", peak: int) -> float:
    """Where the parabola through the peak and its neighbours has its vertex, from the peak."""
    if not 0 < peak < len(row_R) - 1:
        return 0.0
    before, at, after = (float(value) for value in row_R[peak - 1 : peak + 2])
    bend = before - 2 * at + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def _common_motion(at_T2: "Numbers", shift_T2: "Numbers", alike_T: "Mask") -> ViewShift | None:
    """Shift, turn and scale that fit the tiles best (least squares, without what lies far off), where they agree."""
    import numpy as np

    if alike_T.sum() < len(alike_T) / 2:
        return None
    x_T, y_T = at_T2.T
    one_T, none_T = np.ones(len(x_T)), np.zeros(len(x_T))
    terms_T24 = np.stack(
        [np.stack([one_T, none_T, x_T, -y_T], axis=-1), np.stack([none_T, one_T, y_T, x_T], axis=-1)], axis=1
    )
    used_T = alike_T
    for _ in range(_ROUNDS):
        motion_4 = np.linalg.lstsq(terms_T24[used_T].reshape(-1, 4), shift_T2[used_T].ravel(), rcond=None)[0]
        off_T = np.linalg.norm(shift_T2 - terms_T24 @ motion_4, axis=1)
        used_T = alike_T & (off_T <= max(2.5 * float(np.median(off_T[alike_T])), 0.2))
    moved_px = float(np.median(np.linalg.norm(terms_T24[alike_T] @ motion_4, axis=1)))
    for share, (pixels, of_moved) in ((50, _HALF_OFF), (80, _MOST_OFF)):
        if np.percentile(off_T[alike_T], share) > max(pixels, of_moved * moved_px):
            return None
    return ViewShift(right_px=float(motion_4[0]), down_px=float(motion_4[1]), moved_px=moved_px)
