"""Which places answer for which instance: SimOTA (Ge et al. 2021, "YOLOX", section 2.1), after optimal transport
assignment (Ge et al. 2021, "OTA").

Legend: P places of an image, C places that are candidates, F places that were chosen, N instances, K classes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.ops import box_iou

CENTRE_REACH = 2.5  # strides
OVERLAP_WEIGHT = 3.0  # lambda of OTA's equation 1
OUTSIDE_COST = 1e5
MOST_OVERLAPS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where a network looks, and what it says there before anything is taken away."""

    centres_P2: Tensor  # x, y, pixels
    strides_P: Tensor
    boxes_P4: Tensor  # xyxy, pixels
    objectness_P: Tensor  # logits
    logits_PK: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Assigned:
    """``chosen_F`` are indices of places, ``matched_F`` of the instance that each answers for."""

    chosen_F: Tensor
    matched_F: Tensor


@torch.no_grad()
def assign(places: Places, boxes_N4: Tensor, labels_N: Tensor) -> Assigned:
    """To each instance the places that are cheapest for it, as many as its best overlaps add up to."""
    inside_NP, central_NP = _inside(places, boxes_N4), _central(places, boxes_N4)
    # Inside of a box or near the centre of one; all other places are background, without a price.
    candidates_C = (inside_NP | central_NP).any(dim=0).nonzero()[:, 0]
    if not len(candidates_C):
        return Assigned(chosen_F=candidates_C, matched_F=candidates_C)
    overlap_NC = box_iou(boxes_N4, places.boxes_P4[candidates_C])
    # Class, and lambda times the negative logarithm of the overlap of the predicted box.
    cost_NC = _class_cost(places, candidates_C, labels_N) - OVERLAP_WEIGHT * (overlap_NC + 1e-8).log()
    # What is not both inside and central is taken only where an instance has nothing else.
    cost_NC = cost_NC + OUTSIDE_COST * ~(inside_NP & central_NP)[:, candidates_C]
    taken_NC = _rank(cost_NC) < _how_many(overlap_NC)[:, None]
    # Where two instances want a place, the one it is cheaper for has it.
    contested_NC = torch.where(taken_NC, cost_NC, torch.inf)
    chosen_C = taken_NC.any(dim=0)
    return Assigned(chosen_F=candidates_C[chosen_C], matched_F=contested_NC.argmin(dim=0)[chosen_C])


def _inside(places: Places, boxes_N4: Tensor) -> Tensor:
    x_P, y_P = places.centres_P2.unbind(dim=1)
    left_N1, top_N1, right_N1, bottom_N1 = (side_N[:, None] for side_N in boxes_N4.unbind(dim=1))
    return (x_P > left_N1) & (x_P < right_N1) & (y_P > top_N1) & (y_P < bottom_N1)


def _central(places: Places, boxes_N4: Tensor) -> Tensor:
    middles_N2 = (boxes_N4[:, :2] + boxes_N4[:, 2:]) / 2
    # The larger of both distances: a square of five strides around the middle.
    away_NP = (places.centres_P2[None] - middles_N2[:, None]).abs().amax(dim=2)
    return away_NP < CENTRE_REACH * places.strides_P


def _class_cost(places: Places, candidates_C: Tensor, labels_N: Tensor) -> Tensor:
    """[N, C]: cross-entropy of the class, of class and objectness together."""
    probability_CK = places.logits_PK[candidates_C].sigmoid() * places.objectness_P[candidates_C, None].sigmoid()
    # The geometric mean of both, as in the published code; kept off 0 and 1, where a logarithm is infinite.
    probability_CK = probability_CK.sqrt().clamp(1e-6, 1 - 1e-6)
    wanted_NK = nn.functional.one_hot(labels_N - 1, probability_CK.shape[1]).to(probability_CK.dtype)
    return -(wanted_NK @ probability_CK.log().T + (1 - wanted_NK) @ (1 - probability_CK).log().T)


def _how_many(overlap_NC: Tensor) -> Tensor:
    # The sum of the ten best overlaps, at least 1 (OTA, "dynamic k estimation").
    best = overlap_NC.topk(min(MOST_OVERLAPS, overlap_NC.shape[1]), dim=1).values
    return best.sum(dim=1).int().clamp(min=1)


def _rank(cost_NC: Tensor) -> Tensor:
    # Stable: equal costs are ranked the same way in every run.
    return cost_NC.argsort(dim=1, stable=True).argsort(dim=1, stable=True)
