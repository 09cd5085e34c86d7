"""From coarse borders and the original picture to their corners, a confidence and an uncertainty for each side.

Legend: C channels, H, W sides of the picture, Q quadrilaterals, S sides (4 Q), A offsets, T tilts, 2 x and y.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from truscore.zoo.detection.border_lines import subpixel
from truscore.zoo.detection.border_lines.decoding import apart, in_proportion
from truscore.zoo.detection.border_lines.inferred import inferred
from truscore.zoo.detection.border_lines.network import OFFSETS, PLACES, LineNetwork, tilts
from truscore.zoo.detection.border_lines.strips import INSET, Sides, corners_from, cut_strips, sides_of

# Shares of a border's shorter side that the strips of each pass reach to either side of it. The first finds what a
# detector at a tenth of the resolution is off by (at the 95th percentile 108 px of 750), the last stands on pixels.
REACHES = (0.2, 0.07, 0.025)
LEAST_REACH_PX = 4.0
WINDOW = 4  # offsets around the likeliest, whose mean is taken
LEAST_CONFIDENCE = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """Of each quadrilateral: ``corners_Q42`` in pixels, where its sides meet; of each side, in order top, right,
    bottom, left, a ``confidence_Q4`` from 0 to 1, 0 where no line was found and the side is where the rest of the card
    says (``inferred``), or where a pass was last sure of it; and ``deviation_Q4``, the standard deviation of where it
    lies, in pixels."""

    corners_Q42: Tensor
    confidence_Q4: Tensor
    deviation_Q4: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class _Placed:
    """Of each side: its line's offsets in pixels at the strip's two ends, and how sure that is."""

    first_S: Tensor
    last_S: Tensor
    confidence_S: Tensor
    deviation_S: Tensor


class BorderLines(nn.Module):
    """``kinds`` is the number of borders that a card has: its edge, and the graphical one where that is a class.

    ``margins_24``: the usual margin of each side and its standard deviation, as shares of a card's shorter side; zeros
    where it is not known.
    """

    margins_24: Tensor

    def __init__(self, kinds: int) -> None:
        super().__init__()
        self.network = LineNetwork(kinds)
        self.register_buffer("margins_24", torch.zeros(2, 4))

    def forward(self, image_CHW: Tensor, corners_Q42: Tensor, kinds_Q: Tensor) -> Lines:
        """``image_CHW`` from 0 to 1 in its own size, ``corners_Q42`` in its pixels, clockwise from the upper left,
        ``kinds_Q`` from 0; at least one quadrilateral."""
        kinds_S = kinds_Q.repeat_interleave(4)
        sure_S = torch.ones_like(sides_of(corners_Q42).length_S)
        deviation_S = torch.zeros_like(sure_S)
        for reach in REACHES:
            found = self._search(image_CHW, corners_Q42, kinds_S, reach)
            corners_Q42 = _moved(corners_Q42, found.first_S, found.last_S)
            sure_S = torch.minimum(sure_S, found.confidence_S)
            deviation_S = torch.maximum(deviation_S, found.deviation_S)
        sides = sides_of(corners_Q42)
        offset_A = subpixel.offsets().to(image_CHW.device)
        strips, inside = cut_strips(image_CHW, sides, offset_A.expand(sides.length_S.shape[0], -1), subpixel.PLACES)
        placed = subpixel.place_lines(strips, inside)
        sure_S = sure_S * placed.share_S
        corners_Q42 = _moved(corners_Q42, placed.first_S, placed.last_S)
        # Where the search was sure, the fit's own error is left; where it was not, the spread of what else it may be.
        total_S = (placed.deviation_S.square() + (1 - sure_S) * deviation_S.square()).sqrt()
        found_S = sure_S >= LEAST_CONFIDENCE
        confidence_Q4 = torch.where(found_S, sure_S, torch.zeros_like(sure_S)).reshape(-1, 4)
        corners_Q42, deviation_Q4 = inferred(
            corners_Q42, total_S.reshape(-1, 4), confidence_Q4, kinds_Q, self.margins_24
        )
        return Lines(corners_Q42=corners_Q42, confidence_Q4=confidence_Q4, deviation_Q4=deviation_Q4)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *others: Any) -> None:
        # Checkpoints of before the margins were kept have none: as where they are not known.
        state_dict.setdefault(f"{prefix}margins_24", torch.zeros(2, 4))
        super()._load_from_state_dict(state_dict, prefix, *others)

    def _search(self, image_CHW: Tensor, corners_Q42: Tensor, kinds_S: Tensor, share: float) -> _Placed:
        """One pass of the network around the sides, ``share`` of each border's shorter side to either side."""
        sides = sides_of(corners_Q42)
        reach_S = reach_of(sides.length_S, share)
        unit_A = torch.linspace(-1, 1, OFFSETS, device=image_CHW.device)
        strips, inside = cut_strips(image_CHW, sides, reach_S[:, None] * unit_A, PLACES)
        log_SKTA, log_none_SK = self.network(strips, inside, torch.full_like(reach_S, share), kinds_S)
        step_S = reach_S * 2 / (OFFSETS - 1)
        log_STA, log_none_S = apart(log_SKTA, log_none_SK, kinds_S, share, self.margins_24)
        log_STA = in_proportion(log_STA, log_none_S, sides.length_S, step_S, kinds_S)
        offset_S, tilt_S, mass_S, variance_S = expected(log_STA)
        # Less sure than that: better left where it is.
        moved_S = (mass_S >= LEAST_CONFIDENCE).to(mass_S)
        middle_S, half_S = moved_S * offset_S * step_S, moved_S * tilt_S * step_S / 2
        return _Placed(
            first_S=middle_S - half_S,
            last_S=middle_S + half_S,
            confidence_S=mass_S,
            deviation_S=variance_S.sqrt() * step_S,
        )


def reach_of(length_S: Tensor, share: float) -> Tensor:
    """[S] pixels, the same for the four sides of a border, by the shorter of its sides."""
    length_Q4 = length_S.reshape(-1, 4)
    shorter_Q1 = length_Q4.amin(dim=1, keepdim=True)
    return (shorter_Q1 * share).clamp(min=LEAST_REACH_PX).expand_as(length_Q4).reshape(-1)


def expected(log_STA: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of each strip, in offsets: the line's offset from the middle row and its tilt, as means about the likeliest
    (soft argmax); the probability in that window; and the variance of the offset over the whole strip."""
    share_STA = log_STA.exp()
    share_SA = share_STA.sum(dim=1)
    at_A = torch.arange(OFFSETS, device=log_STA.device).to(log_STA)
    likeliest_S1 = share_SA.argmax(dim=1, keepdim=True)
    window_SA = ((at_A - likeliest_S1).abs() <= WINDOW).to(log_STA)
    within_STA = share_STA * window_SA[:, None]
    mass_S = within_STA.sum(dim=(1, 2))
    scale_S = mass_S.clamp(min=1e-9)
    place_S = (within_STA.sum(dim=1) * at_A).sum(dim=1) / scale_S
    # Of tilts the likeliest and its neighbours: a mean over all would lean to none.
    tilt_T = tilts().to(log_STA.device)
    own_ST = within_STA.sum(dim=2)
    near_ST = ((tilt_T - tilt_T[own_ST.argmax(dim=1)][:, None]).abs() <= 3.5).to(log_STA) * own_ST
    tilt_S = (near_ST * tilt_T).sum(dim=1) / near_ST.sum(dim=1).clamp(min=1e-9)
    variance_S = (share_SA * (at_A - place_S[:, None]).square()).sum(dim=1)
    return place_S - (OFFSETS - 1) / 2, tilt_S, mass_S, variance_S


def _moved(corners_Q42: Tensor, first_S: Tensor, last_S: Tensor) -> Tensor:
    sides: Sides = sides_of(corners_Q42)
    return corners_from(sides.points(first_S, INSET), sides.points(last_S, 1 - INSET))
