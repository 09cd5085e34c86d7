"""What borders of cards have in common, laid over what the network says of each strip.

The sides are a chain of few variables with discrete places, so the marginals are exact (Pearl 1988, "Probabilistic
Reasoning in Intelligent Systems", chapter 4): no search, and it exports.

Legend: S strips, Q quadrilaterals, K kinds of border, T tilts, A offsets, P pairs' sums (2 A - 1).
"""

import math

import torch
from torch import Tensor

from truscore.zoo.detection.border_lines.network import OFFSETS

OUTER, GRAPHICAL = 0, 1  # kinds, from 0
LEAST_MARGIN = 0.008  # of a card's shorter side: 0.5 mm, less than any card is printed and cut to
ASPECT = 2.5 / 3.5  # the trading card's inches
ASPECT_DEVIATION = 0.006  # of its logarithm: scans, read in steps of some pixels
ANY_ASPECT = 0.02  # of the peak: seen from the side, or of another format, cards are likely as well
ANY_MARGIN = 0.02  # of the usual margin's likelihood: printed or cut otherwise than the training cards, as well
MARGIN_DEVIATIONS = 3.0  # of the training cards', at which a margin is half as likely: other designs differ by more
UNSEEN_MARGIN = 0.5  # of the same, where one of the two lines is not in the strip


def apart(
    log_SKTA: Tensor, log_none_SK: Tensor, kinds_S: Tensor, reach: float, margins_24: Tensor
) -> tuple[Tensor, Tensor]:
    """[S, T, A] and [S]: of the border that each strip was laid along, given where the card's other border may be in
    the strip, if it is: the graphical line at least LEAST_MARGIN inside the edge, and, where the usual margins are
    known, likely as far inside as those of the training cards (with Cauchy's heavy tail).

    ``reach``: the share of the border's shorter side from the strip's middle to its end; ``margins_24``: the usual
    margin of each side and its standard deviation, as such shares, 0 where not known. Strips in order top, right,
    bottom, left of each quadrilateral.
    """
    index_S1 = kinds_S[:, None]
    own_STA = log_SKTA.gather(1, index_S1[:, :, None, None].expand(-1, -1, *log_SKTA.shape[2:]))[:, 0]
    own_none_S = log_none_SK.gather(1, index_S1)[:, 0]
    if log_SKTA.shape[1] <= GRAPHICAL:
        return own_STA, own_none_S
    kinds = log_SKTA.shape[1]
    margin_4AA, unseen_4 = _margins(margins_24, (OFFSETS - 1) / (2 * reach))
    share_K4QA = log_SKTA.logsumexp(dim=2).exp().reshape(-1, 4, kinds, OFFSETS).permute(2, 1, 0, 3)
    none_K4Q1 = log_none_SK.exp().reshape(-1, 4, kinds, 1).permute(2, 1, 0, 3) * unseen_4[:, None, None]
    # Of the graphical line by where the edge is, and the other way round.
    inside_4QA = torch.bmm(share_K4QA[OUTER], margin_4AA) + none_K4Q1[OUTER]
    outside_4QA = torch.bmm(share_K4QA[GRAPHICAL], margin_4AA.transpose(1, 2)) + none_K4Q1[GRAPHICAL]
    inside_SA, outside_SA = (fits.transpose(0, 1).reshape(-1, OFFSETS) for fits in (inside_4QA, outside_4QA))
    fits_SA = torch.where(index_S1 == OUTER, outside_SA, inside_SA)
    unseen_S = unseen_4.repeat(own_none_S.shape[0] // 4)
    return normalized(own_STA + fits_SA.clamp(min=1e-4).log()[:, None], own_none_S + unseen_S.log())


def _margins(margins_24: Tensor, offsets: float) -> tuple[Tensor, Tensor]:
    """[4, A, A] and [4]: of each side, how likely edge and graphical line are at two offsets, and one of them outside
    the strip, as shares of the likeliest; ``offsets`` in a length of 1."""
    # Offsets grow outward: the edge lies this far outside of the print.
    at_A = torch.arange(OFFSETS, device=margins_24.device).to(margins_24)
    apart_AA = at_A[:, None] - at_A
    usual_411, deviation_411 = (margins_24 * offsets)[..., None, None].unbind()
    off_4AA = (apart_AA - usual_411) / (MARGIN_DEVIATIONS * deviation_411).clamp(min=1.0)
    known_411 = usual_411 > 0
    likely_4AA = torch.where(known_411, 1 / (1 + off_4AA.square()) + ANY_MARGIN, torch.ones_like(off_4AA))
    there_AA = (apart_AA >= max(round(LEAST_MARGIN * offsets), 1)).to(likely_4AA)
    unseen_411 = torch.where(known_411, torch.full_like(usual_411, UNSEEN_MARGIN), torch.ones_like(usual_411))
    return likely_4AA * there_AA, unseen_411[:, 0, 0]


def in_proportion(log_STA: Tensor, log_none_S: Tensor, length_S: Tensor, step_S: Tensor, kinds_S: Tensor) -> Tensor:
    """[S, T, A]: edges of cards given that cards are 2.5 to 3.5 inches; graphical borders as they are.

    ``length_S`` pixels of the sides the strips are laid along, ``step_S`` pixels of an offset; in order top, right,
    bottom, left of each quadrilateral.
    """
    rows = log_STA.shape[2]
    share_Q4A = log_STA.logsumexp(dim=1).exp().reshape(-1, 4, rows)
    # A side that is not seen may be anywhere.
    share_Q4A = share_Q4A + (log_none_S.exp().reshape(-1, 4, 1) + 1e-3) / rows
    sums_P = torch.arange(2 * rows - 1, device=log_STA.device).to(share_Q4A) - (rows - 1)
    length_Q4, step_Q4 = length_S.reshape(-1, 4), step_S.reshape(-1, 4)
    width_QP = (length_Q4[:, [0]] + length_Q4[:, [2]]) / 2 + sums_P * step_Q4[:, [0]]
    height_QP = (length_Q4[:, [1]] + length_Q4[:, [3]]) / 2 + sums_P * step_Q4[:, [0]]
    log_ratio_QPP = width_QP.clamp(min=1)[:, :, None].log() - height_QP.clamp(min=1)[:, None].log()
    off_QPP = (log_ratio_QPP.abs() - abs(math.log(ASPECT))) / ASPECT_DEVIATION
    likely_QPP = 1 / (1 + off_QPP.square()) + ANY_ASPECT
    wide_QP, tall_QP = _sum_of(share_Q4A[:, 3], share_Q4A[:, 1]), _sum_of(share_Q4A[:, 0], share_Q4A[:, 2])
    given_wide_QP = (likely_QPP * tall_QP[:, None]).sum(dim=2)
    given_tall_QP = (likely_QPP * wide_QP[:, :, None]).sum(dim=1)
    fits_Q4A = torch.stack(
        [
            _given(given_tall_QP, share_Q4A[:, 2]),
            _given(given_wide_QP, share_Q4A[:, 3]),
            _given(given_tall_QP, share_Q4A[:, 0]),
            _given(given_wide_QP, share_Q4A[:, 1]),
        ],
        dim=1,
    )
    fits_SA = fits_Q4A.reshape(-1, rows)
    log_fits_SA = (fits_SA / fits_SA.amax(dim=1, keepdim=True).clamp(min=1e-12)).clamp(min=1e-6).log()
    given_STA, _ = normalized(log_STA + log_fits_SA[:, None], log_none_S)
    return torch.where((kinds_S == OUTER)[:, None, None], given_STA, log_STA)


def normalized(log_STA: Tensor, log_none_S: Tensor) -> tuple[Tensor, Tensor]:
    """Of all tilts and offsets and none, as probabilities that add up to one."""
    flat_SN = torch.cat([log_STA.flatten(1), log_none_S[:, None]], dim=1).log_softmax(dim=1)
    return flat_SN[:, :-1].reshape(log_STA.shape), flat_SN[:, -1]


def _sum_of(one_QA: Tensor, other_QA: Tensor) -> Tensor:
    """[Q, P]: how the sum of two independent offsets is distributed."""
    rows = one_QA.shape[1]
    at_A = torch.arange(rows, device=one_QA.device)
    rest_PA = torch.arange(2 * rows - 1, device=one_QA.device)[:, None] - at_A
    within_PA = ((rest_PA >= 0) & (rest_PA < rows)).to(one_QA)
    rest_QPA = other_QA.index_select(1, rest_PA.clamp(0, rows - 1).flatten()).reshape(-1, 2 * rows - 1, rows)
    return (rest_QPA * within_PA * one_QA[:, None]).sum(dim=2)


def _given(sum_QP: Tensor, other_QA: Tensor) -> Tensor:
    """[Q, A]: how likely each offset is, by what their sum may be and where the other one is."""
    rows = other_QA.shape[1]
    at_A = torch.arange(rows, device=other_QA.device)
    sum_QAA = sum_QP.index_select(1, (at_A[:, None] + at_A).flatten()).reshape(-1, rows, rows)
    return (sum_QAA * other_QA[:, None]).sum(dim=2)
