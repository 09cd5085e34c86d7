"""Strips around borders as a detector would have placed them, off by a known amount: what the second stage of border
detection learns from.

Legend: H, W sides of the picture, C channels, S strips, A offsets, L places along, 42 four corners of x and y.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from truscore.augmentation.seeds import mixed
from truscore.zoo.detection.border_lines.network import MOST_TILT, OFFSETS, PLACES
from truscore.zoo.detection.border_lines.stage import LEAST_REACH_PX, REACHES
from truscore.zoo.detection.border_lines.strips import INSET

Points = NDArray[np.float64]

# Of a border's shorter side, how far off a label may be, one standard deviation: upright boxes around cards that lie
# tilted by some pixels are worse than quadrilaterals.
BOX_DEVIATION, OUTLINE_DEVIATION = 0.0015, 0.0005
_WITHOUT_LINE = 0.15  # share of the strips
_ALONG = 0.03  # of a side, how far its ends are off along it, one standard deviation


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownBorder:
    """``kind`` from 0; ``deviation``: how far the label may be off, as a share of the border's shorter side."""

    corners_42: Points
    kind: int
    deviation: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Placed:
    """A strip's middle line from ``start_2`` to ``end_2`` (its border's side, moved), and the truth in it."""

    start_2: Points
    end_2: Points
    reach_px: float
    share: float
    offset_px: float
    there: bool


def border_strips(
    image_HWC: NDArray[np.uint8], borders: Sequence[KnownBorder], *, count: int, seed: int, epoch: int, index: int
) -> dict[str, Tensor]:
    """``count`` strips of random sides of each border, as targets by name; the same arguments give the same strips.

    ``strips`` [S, 3, A, L] and ``strips_inside`` [S, 1, A, L] uint8, ``strips_reach`` [S] as a share of the shorter
    side, ``strips_kind`` [S], ``strips_offset`` and ``strips_deviation`` [S] in offsets, ``strips_there`` [S] 0 or 1.
    """
    rng = np.random.default_rng(mixed(seed, epoch, index, 11))
    rows: list[dict[str, Tensor]] = []
    for border in borders:
        lengths = np.hypot(*(np.roll(border.corners_42, -1, axis=0) - border.corners_42).T)
        shorter = float(lengths.min())
        if shorter < 8 * LEAST_REACH_PX:
            continue
        for side in rng.choice(4, size=count, replace=count > 4):
            placed = _place(rng, border, int(side), shorter)
            values, inside = _cut(image_HWC, placed)
            step_px = 2 * placed.reach_px / (OFFSETS - 1)
            rows.append(
                {
                    "strips": _changed(rng, values),
                    "strips_inside": inside.to(torch.uint8),
                    "strips_reach": torch.tensor(placed.share, dtype=torch.float32),
                    "strips_kind": torch.tensor(border.kind),
                    "strips_offset": torch.tensor(placed.offset_px / step_px, dtype=torch.float32),
                    "strips_deviation": torch.tensor(border.deviation * shorter / step_px, dtype=torch.float32),
                    "strips_there": torch.tensor(float(placed.there)),
                }
            )
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]} if rows else dict(_NONE)


_NONE: Mapping[str, Tensor] = {
    "strips": torch.zeros(0, 3, OFFSETS, PLACES, dtype=torch.uint8),
    "strips_inside": torch.zeros(0, 1, OFFSETS, PLACES, dtype=torch.uint8),
    "strips_reach": torch.zeros(0),
    "strips_kind": torch.zeros(0, dtype=torch.int64),
    "strips_offset": torch.zeros(0),
    "strips_deviation": torch.zeros(0),
    "strips_there": torch.zeros(0),
}


def _place(rng: Generator, border: KnownBorder, side: int, shorter: float) -> _Placed:
    start_2, end_2 = border.corners_42[side], border.corners_42[(side + 1) % 4]
    length = float(np.hypot(*(end_2 - start_2)))
    along_2 = (end_2 - start_2) / length
    outward_2 = np.array([along_2[1], -along_2[0]])
    share = float(rng.choice(REACHES) * np.exp(rng.uniform(-0.3, 0.3)))
    reach = max(share * shorter, LEAST_REACH_PX)
    there = bool(rng.random() >= _WITHOUT_LINE)
    if not there:
        off = float(rng.choice((-1, 1)) * rng.uniform(1.4, 3.0) * reach)
    elif rng.random() < 0.4:
        off = float(rng.uniform(-0.75, 0.75) * reach)
    else:
        off = float(rng.normal(0, 0.25) * reach)
    most = 0.9 * MOST_TILT / OFFSETS * 2 * reach
    turn = float(np.clip(rng.normal(0, 0.5), -1, 1) * most)
    slid = rng.normal(0, _ALONG, size=2).clip(-0.06, 0.06) * length
    # Moved by ``off`` and turned by ``turn``: the line then lies at the opposite place in the strip.
    new_start_2 = start_2 + slid[0] * along_2 - (off - turn / 2) * outward_2
    new_end_2 = end_2 + slid[1] * along_2 - (off + turn / 2) * outward_2
    new_along_2 = (new_end_2 - new_start_2) / max(float(np.hypot(*(new_end_2 - new_start_2))), 1e-9)
    new_outward_2 = np.array([new_along_2[1], -new_along_2[0]])
    middle_2 = (new_start_2 + new_end_2) / 2
    # Along the strip's own normal, from its middle to the real line.
    offset = float((start_2 - middle_2) @ outward_2) / float(new_outward_2 @ outward_2)
    return _Placed(start_2=new_start_2, end_2=new_end_2, reach_px=reach, share=share, offset_px=offset, there=there)


def _cut(image_HWC: NDArray[np.uint8], placed: _Placed) -> tuple[Tensor, Tensor]:
    """[3, A, L] from 0 to 255 and [1, A, L] where the picture is: as ``cut_strips``, without bringing a scan of
    megapixels to floats."""
    height, width = image_HWC.shape[:2]
    side_2 = placed.end_2 - placed.start_2
    along_2 = side_2 / float(np.hypot(*side_2))
    outward_2 = np.array([along_2[1], -along_2[0]])
    offset_A = np.linspace(-1, 1, OFFSETS) * placed.reach_px
    share_L = np.linspace(INSET, 1 - INSET, PLACES)
    grid_AL2 = placed.start_2 + share_L[:, None] * side_2 + offset_A[:, None, None] * outward_2
    x_AL, y_AL = grid_AL2[..., 0], grid_AL2[..., 1]
    inside_AL = (x_AL >= 0) & (x_AL <= width) & (y_AL >= 0) & (y_AL <= height)
    # OpenCV counts pixels' middles, and takes pictures of up to 32,767 pixels a side: it is handed what is covered.
    x0, y0 = (int(np.clip(np.floor(axis.min()) - 1, 0, most - 1)) for axis, most in ((x_AL, width), (y_AL, height)))
    x1, y1 = (int(np.ceil(axis.max())) + 2 for axis in (x_AL, y_AL))
    patch_HWC = image_HWC[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    at_x, at_y = ((axis - 0.5 - first).astype(np.float32) for axis, first in ((x_AL, x0), (y_AL, y0)))
    values_ALC = cv2.remap(patch_HWC, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return torch.from_numpy(np.asarray(values_ALC)).permute(2, 0, 1).float(), torch.from_numpy(inside_AL)[None]


def _changed(rng: Generator, values_CAL: Tensor) -> Tensor:
    """Light, colours and direction as they may be: a border is one whatever the colours on its two sides."""
    values_CAL = values_CAL / 255
    if rng.random() < 0.5:
        values_CAL = values_CAL.flip(2)
    if rng.random() < 0.3:
        values_CAL = values_CAL[torch.from_numpy(rng.permutation(3))]
    if rng.random() < 0.15:
        values_CAL = 1 - values_CAL
    values_CAL = values_CAL.clamp(0, 1) ** float(np.exp(rng.normal(0, 0.25)))
    gain_C = torch.tensor(np.exp(rng.normal(0, 0.15, size=3)), dtype=torch.float32)
    values_CAL = values_CAL * gain_C[:, None, None] + float(rng.normal(0, 0.05))
    noise_CAL = torch.from_numpy(rng.standard_normal(values_CAL.shape, dtype=np.float32))
    values_CAL = values_CAL + noise_CAL * float(rng.uniform(0, 0.02))
    return (values_CAL * 255).round().clamp(0, 255).to(torch.uint8)
