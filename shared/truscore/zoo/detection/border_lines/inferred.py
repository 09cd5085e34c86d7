"""Sides that no line was found for, where the rest of the card says they are: a guess, and marked as one.

A card's edge of which three sides were found has its fourth by the proportion of cards; a printed border has a side
at the usual margin from the edge, which the network was given from its training labels. On full-bleed cards there is
no line to find, and a search there ends at whatever else is straight.

Legend: Q quadrilaterals, 4 sides in order top, right, bottom, left, 42 four corners of x and y.
"""

import torch
from torch import Tensor

from truscore.zoo.detection.border_lines.decoding import ASPECT, ASPECT_DEVIATION, GRAPHICAL, OUTER
from truscore.zoo.detection.border_lines.strips import corners_from, sides_of

LEAST_SURE = 3  # sides of an edge, from which the others and the print's can be told
MOST_OFF = 0.1  # of a length: a card that seems to be of another proportion than cards have may be
_NEXT, _OPPOSITE, _BEFORE = (1, 2, 3, 0), (2, 3, 0, 1), (3, 0, 1, 2)


def inferred(
    corners_Q42: Tensor, deviation_Q4: Tensor, confidence_Q4: Tensor, kinds_Q: Tensor, margins_24: Tensor
) -> tuple[Tensor, Tensor]:
    """[Q, 4, 2] and [Q, 4]: corners, and how far a side may be off in pixels, with sides of confidence 0 put where the
    rest says; they stay where nothing does.

    ``margins_24``: the usual margin of each side and its standard deviation, as shares of the card's shorter side; a
    margin of 0 is not known.
    """
    corners_Q42, deviation_Q4 = _by_proportion(corners_Q42, deviation_Q4, confidence_Q4, kinds_Q)
    return _by_margin(corners_Q42, deviation_Q4, confidence_Q4, kinds_Q, margins_24)


def _by_proportion(
    corners_Q42: Tensor, deviation_Q4: Tensor, confidence_Q4: Tensor, kinds_Q: Tensor
) -> tuple[Tensor, Tensor]:
    middle_Q42 = (corners_Q42 + corners_Q42[:, _NEXT]) / 2
    across_Q4 = _distance(middle_Q42[:, _NEXT], middle_Q42[:, _BEFORE])
    now_Q4 = _distance(middle_Q42, middle_Q42[:, _OPPOSITE])
    length_Q4 = torch.where(now_Q4 > across_Q4, across_Q4 / ASPECT, across_Q4 * ASPECT)
    missing_Q4 = confidence_Q4 <= 0
    alone_Q4 = missing_Q4 & (missing_Q4.sum(dim=1, keepdim=True) == 4 - LEAST_SURE) & (kinds_Q == OUTER)[:, None]
    given_Q4 = alone_Q4 & ((now_Q4 - length_Q4).abs() < MOST_OFF * length_Q4)
    # Of the side's own direction: from the end of the opposite side to its start.
    first_Q42, last_Q42 = corners_Q42[:, _BEFORE], corners_Q42[:, _OPPOSITE]
    along_Q42 = (last_Q42 - first_Q42) / _distance(last_Q42, first_Q42)[..., None]
    out_Q42 = torch.stack([along_Q42[..., 1], -along_Q42[..., 0]], dim=-1) * length_Q4[..., None]
    return (
        _with_sides(corners_Q42, given_Q4, first_Q42 + out_Q42, last_Q42 + out_Q42),
        torch.where(given_Q4, ASPECT_DEVIATION * length_Q4, deviation_Q4),
    )


def _by_margin(
    corners_Q42: Tensor, deviation_Q4: Tensor, confidence_Q4: Tensor, kinds_Q: Tensor, margins_24: Tensor
) -> tuple[Tensor, Tensor]:
    sure_Q = (kinds_Q == OUTER) & ((confidence_Q4 > 0).sum(dim=1) >= LEAST_SURE)
    centre_Q2 = corners_Q42.mean(dim=1)
    apart_QQ = _distance(centre_Q2[:, None], centre_Q2[None])
    apart_QQ = torch.where(sure_Q[None], apart_QQ, torch.full_like(apart_QQ, 1e9))
    edge_Q = apart_QQ.argmin(dim=1)
    edge_Q42 = corners_Q42.index_select(0, edge_Q)
    sides = sides_of(edge_Q42)
    shorter_Q1 = sides.length_S.reshape(-1, 4).amin(dim=1, keepdim=True)
    on_one_card_Q1 = apart_QQ.amin(dim=1, keepdim=True) < shorter_Q1 / 4
    given_Q4 = (kinds_Q == GRAPHICAL)[:, None] & (confidence_Q4 <= 0) & on_one_card_Q1 & (margins_24[0] > 0)
    inward_Q42 = sides.outward_S2.reshape(-1, 4, 2) * (-shorter_Q1 * margins_24[0])[..., None]
    return (
        _with_sides(corners_Q42, given_Q4, edge_Q42 + inward_Q42, edge_Q42[:, _NEXT] + inward_Q42),
        torch.where(given_Q4, shorter_Q1 * margins_24[1], deviation_Q4),
    )


def _with_sides(corners_Q42: Tensor, given_Q4: Tensor, starts_Q42: Tensor, ends_Q42: Tensor) -> Tensor:
    start_Q42 = torch.where(given_Q4[..., None], starts_Q42, corners_Q42)
    end_Q42 = torch.where(given_Q4[..., None], ends_Q42, corners_Q42[:, _NEXT])
    met_Q42 = corners_from(start_Q42.reshape(-1, 2), end_Q42.reshape(-1, 2))
    # What has nothing to be told keeps its corners to the bit.
    return torch.where(given_Q4.any(dim=1)[:, None, None], met_Q42, corners_Q42)


def _distance(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).square().sum(dim=-1).sqrt().clamp(min=1e-3)
