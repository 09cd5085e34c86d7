"""Greedy suppression of overlapping boxes (as torchvision's `nms`) in tensors of fixed size.

Legend: G groups that leave each other alone, K boxes of a group by falling score.
"""

import torch
from torch import Tensor


def kept(boxes_GK4: Tensor, valid_GK: Tensor, threshold: float, labels_GK: Tensor | None = None) -> Tensor:
    """[G, K] bool: which boxes greedy suppression keeps. Boxes are xyxy by falling score; with labels, boxes of one
    label alone suppress one another.

    A box stays exactly if none that stays is before it and overlaps it by more than the threshold. Assumed of all at
    once and asked again until nothing changes, that is right for the first box after one round, and for one more with
    each: after at most K rounds, and mostly after three or four, it is the answer of the loop over single boxes.
    """
    over_GKK = _overlap(boxes_GK4) > threshold
    count = boxes_GK4.shape[1]
    before_KK = torch.ones(count, count, dtype=torch.bool).triu(1)  # row before column
    suppresses_GKK = over_GKK & before_KK
    if labels_GK is not None:
        suppresses_GKK = suppresses_GKK & (labels_GK[:, :, None] == labels_GK[:, None, :])
    suppresses = suppresses_GKK.to(torch.float32)

    def again(stays_G1K: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        next_G1K = valid_G1K * ((stays_G1K @ suppresses) < 0.5).to(torch.float32)
        return next_G1K, (next_G1K - stays_G1K).abs().sum()

    def unsettled(_: Tensor, changed: Tensor) -> Tensor:
        return changed > 0.5

    valid_G1K = valid_GK[:, None].to(torch.float32)
    state = again(valid_G1K, torch.ones(()))
    if torch.compiler.is_exporting():
        state = torch.while_loop(unsettled, again, state)  # type: ignore[no-untyped-call]
    else:
        while unsettled(*state):
            state = again(*state)
    return state[0][:, 0] > 0.5


def _overlap(boxes_GK4: Tensor) -> Tensor:
    """[G, K, K] intersection over union; 0 where both are empty."""
    left, top, right, bottom = boxes_GK4.unbind(dim=-1)
    # One side after the other: pairs of numbers at the end of a tensor of K K places are slow to go over.
    width_GKK = (_least(right) - _most(left)).clamp(min=0)
    height_GKK = (_least(bottom) - _most(top)).clamp(min=0)
    shared_GKK = width_GKK * height_GKK
    area_GK = (right - left) * (bottom - top)
    union_GKK = area_GK[:, :, None] + area_GK[:, None, :] - shared_GKK
    return shared_GKK / union_GKK.clamp(min=1e-12)


def _least(side_GK: Tensor) -> Tensor:
    return torch.minimum(side_GK[:, :, None], side_GK[:, None, :])


def _most(side_GK: Tensor) -> Tensor:
    return torch.maximum(side_GK[:, :, None], side_GK[:, None, :])
