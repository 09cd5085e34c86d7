"""Strips around borders as a detector would have placed them, off by a known amount: what the second stage of border
detection learns from.

Legend: H, W sides of the picture, C channels, S strips, A offsets, L places along, 42 four corners of x and y.
"""

from collections.abc import Sequence
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
_WITHOUT_LINE = 0.06  # share of the strips: at these reaches a line is seldom outside
_SURELY_OUTSIDE = 1.03  # of the reach: what lies at the last row may be seen or not
# Of the reach, how far off a strip starts: 0.2 is reached for what is off by 0.03 in the mean (33 scans, held out).
_START_DEVIATION = 0.22
_ALONG = 0.03  # of a side, how far its ends are off along it, one standard deviation


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownBorder:
    """``kind`` from 0; ``deviation``: how far the label may be off, as a share of the border's shorter side;
    ``there_4``: which of its sides (top, right, bottom, left) the picture shows."""

    corners_42: Points
    kind: int
    deviation: float
    there_4: tuple[bool, ...] = (True, True, True, True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Placed:
    """A strip's middle line from ``start_2`` to ``end_2``, a border's side moved."""

    side: int
    start_2: Points
    end_2: Points
    reach_px: float
    share: float


def border_strips(
    image_HWC: NDArray[np.uint8],
    borders: Sequence[KnownBorder],
    *,
    kinds: int,
    count: int,
    seed: int,
    epoch: int,
    index: int,
) -> dict[str, Tensor]:
    """``count`` strips of random sides of each border, as targets by name; the same arguments give the same strips.

    ``strips`` [S, 3, A, L] and ``strips_inside`` [S, 1, A, L] uint8, ``strips_reach`` [S] as a share of the shorter
    side, ``strips_kind`` [S]; of each of the ``kinds`` [S, K]: ``strips_offset`` and ``strips_deviation`` in offsets,
    ``strips_there`` 0 or 1, and -1 where it is not known.
    """
    rng = np.random.default_rng(mixed(seed, epoch, index, 11))
    rows: list[dict[str, Tensor]] = []
    for border in borders:
        lengths = np.hypot(*(np.roll(border.corners_42, -1, axis=0) - border.corners_42).T)
        shorter = float(lengths.min())
        if shorter < 8 * LEAST_REACH_PX:
            continue
        card_K = [
            border if kind == border.kind else _nearest(border, [one for one in borders if one.kind == kind])
            for kind in range(kinds)
        ]
        for side in _sides(rng, count):
            placed = _place(rng, border, side, shorter)
            values, inside = _cut(image_HWC, placed)
            rows.append(
                {
                    "strips": _changed(rng, values),
                    "strips_inside": inside.to(torch.uint8),
                    "strips_reach": torch.tensor(placed.share, dtype=torch.float32),
                    "strips_kind": torch.tensor(border.kind),
                    **_truth(placed, card_K, shorter),
                }
            )
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]} if rows else _none(kinds)


def _sides(rng: Generator, count: int) -> list[int]:
    """Each side once before one comes again."""
    return [int(side) for _ in range(-(-count // 4)) for side in rng.permutation(4)][:count]


def _none(kinds: int) -> dict[str, Tensor]:
    return {
        "strips": torch.zeros(0, 3, OFFSETS, PLACES, dtype=torch.uint8),
        "strips_inside": torch.zeros(0, 1, OFFSETS, PLACES, dtype=torch.uint8),
        "strips_reach": torch.zeros(0),
        "strips_kind": torch.zeros(0, dtype=torch.int64),
        "strips_offset": torch.zeros(0, kinds),
        "strips_deviation": torch.zeros(0, kinds),
        "strips_there": torch.zeros(0, kinds),
    }


def _truth(placed: _Placed, borders_K: Sequence[KnownBorder | None], shorter: float) -> dict[str, Tensor]:
    """Where in the strip the lines of its side are, of each border of the card that is known."""
    kinds = len(borders_K)
    offset_K, deviation_K, there_K = np.zeros(kinds), np.ones(kinds), np.full(kinds, -1.0)
    along_2 = (placed.end_2 - placed.start_2) / max(float(np.hypot(*(placed.end_2 - placed.start_2))), 1e-9)
    outward_2 = np.array([along_2[1], -along_2[0]])
    middle_2 = (placed.start_2 + placed.end_2) / 2
    step_px = 2 * placed.reach_px / (OFFSETS - 1)
    for kind, border in enumerate(borders_K):
        if border is None:
            continue
        start_2, end_2 = border.corners_42[placed.side], border.corners_42[(placed.side + 1) % 4]
        across_2 = np.array([end_2[1] - start_2[1], start_2[0] - end_2[0]])
        # Along the strip's own normal, from its middle to the real line.
        offset_px = float((start_2 - middle_2) @ across_2) / float(outward_2 @ across_2)
        offset_K[kind], deviation_K[kind] = offset_px / step_px, border.deviation * shorter / step_px
        far = abs(offset_px) / placed.reach_px
        seen = border.there_4[placed.side] and far < 0.97
        there_K[kind] = 1.0 if seen else 0.0 if not border.there_4[placed.side] or far > _SURELY_OUTSIDE else -1.0
    names = ("strips_offset", "strips_deviation", "strips_there")
    return {
        name: torch.tensor(values, dtype=torch.float32)
        for name, values in zip(names, (offset_K, deviation_K, there_K), strict=True)
    }


def _nearest(own: KnownBorder, others: Sequence[KnownBorder]) -> KnownBorder | None:
    """That of the same card: the one whose middle is nearest, if it is in this border or has this one in it."""
    middle_2 = own.corners_42.mean(axis=0)
    most = float(np.ptp(own.corners_42, axis=0).min()) / 4
    apart = [(float(np.hypot(*(one.corners_42.mean(axis=0) - middle_2))), at) for at, one in enumerate(others)]
    nearest, at = min(apart, default=(most, -1))
    return others[at] if nearest < most else None


def _place(rng: Generator, border: KnownBorder, side: int, shorter: float) -> _Placed:
    start_2, end_2 = border.corners_42[side], border.corners_42[(side + 1) % 4]
    length = float(np.hypot(*(end_2 - start_2)))
    along_2 = (end_2 - start_2) / length
    outward_2 = np.array([along_2[1], -along_2[0]])
    pass_ = int(rng.integers(len(REACHES)))
    share = REACHES[pass_] * float(np.exp(rng.uniform(-0.2, 0.2)))
    reach = max(share * shorter, LEAST_REACH_PX)
    kind = rng.random()
    if kind < _WITHOUT_LINE:
        off = float(rng.choice((-1, 1)) * rng.uniform(1.2, 3.0) * reach)
    elif kind < _WITHOUT_LINE + 0.2:
        off = float(rng.uniform(-0.8, 0.8) * reach)
    else:
        off = float(rng.normal(0, _START_DEVIATION) * reach)
    most = 0.9 * MOST_TILT / OFFSETS * 2 * reach
    turn = float(np.clip(rng.normal(0, 0.35), -1, 1) * most)
    slid = rng.normal(0, _ALONG, size=2).clip(-0.06, 0.06) * length
    # Moved by ``off`` and turned by ``turn``: the line then lies at the opposite place in the strip.
    return _Placed(
        side=side,
        start_2=start_2 + slid[0] * along_2 - (off - turn / 2) * outward_2,
        end_2=end_2 + slid[1] * along_2 - (off + turn / 2) * outward_2,
        reach_px=reach,
        share=share,
    )


def _cut(image_HWC: NDArray[np.uint8], placed: _Placed) -> tuple[NDArray[np.uint8], Tensor]:
    """[A, L, 3] and [1, A, L] where the picture is: as ``cut_strips``, without bringing a scan of megapixels to
    floats."""
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
    return np.asarray(values_ALC, dtype=np.uint8), torch.from_numpy(inside_AL)[None]


def _changed(rng: Generator, values_ALC: NDArray[np.uint8]) -> Tensor:
    """[3, A, L]: light, colours and direction as they may be: a border is one whatever the colours on its two sides."""
    if rng.random() < 0.5:
        values_ALC = values_ALC[:, ::-1]
    if rng.random() < 0.3:
        values_ALC = values_ALC[..., rng.permutation(3)]
    levels_V = np.linspace(0, 1, 256)
    if rng.random() < 0.15:
        levels_V = levels_V[::-1]
    levels_V = levels_V ** float(np.exp(rng.normal(0, 0.25)))
    gain_C = np.exp(rng.normal(0, 0.15, size=3))
    table_VC = 255 * (levels_V[:, None] * gain_C + float(rng.normal(0, 0.05)))
    noise_ALC = rng.standard_normal(values_ALC.shape, dtype=np.float32) * np.float32(255 * rng.uniform(0, 0.02))
    changed_ALC = table_VC.astype(np.float32)[values_ALC, np.arange(3)] + noise_ALC
    return torch.from_numpy(np.clip(np.rint(changed_ALC), 0, 255).astype(np.uint8)).permute(2, 0, 1)
