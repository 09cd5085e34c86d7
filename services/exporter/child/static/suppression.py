"""Greedy suppression of overlapping boxes (as torchvision's `nms`) in tensors of fixed size.

Legend: G groups that leave each other alone, K boxes of a group by falling score.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_ONE_BY_ONE: ContextVar[bool] = ContextVar("one_by_one", default=False)


@contextmanager
def one_by_one() -> Iterator[None]:
    """Programs that are exported within go over the boxes one after the other (`torch.scan`): for runtimes that have no
    `torch.while_loop`, no stable sorting, and no convolutions of as many maps as were found."""
    token = _ONE_BY_ONE.set(True)
    try:
        yield
    finally:
        _ONE_BY_ONE.reset(token)


def is_one_by_one() -> bool:
    """Whether a program is being exported within `one_by_one`."""
    return _ONE_BY_ONE.get() and torch.compiler.is_exporting()


def _is_traced() -> bool:
    return bool(torch._C._get_tracing_state())


def falling(scores: Tensor, *, dim: int = -1) -> tuple[Tensor, Tensor]:
    """All scores by falling score along `dim`, and their places; equal ones in their order, except one by one and
    in graphs that are traced."""
    if is_one_by_one() or _is_traced():
        found, places = scores.topk(scores.shape[dim], dim=dim)
    else:
        found, places = scores.sort(dim=dim, descending=True, stable=True)
    return found, places


def kept(boxes_GK4: Tensor, valid_GK: Tensor, threshold: float, labels_GK: Tensor | None = None) -> Tensor:
    """[G, K] bool: which boxes greedy suppression keeps. Boxes are xyxy by falling score; with labels, boxes of one
    label alone suppress one another.

    A box stays exactly if none that stays is before it and overlaps it by more than the threshold. Assumed of all at
    once and asked again until nothing changes, that is right for the first box after one round, and for one more with
    each: after at most K rounds, and mostly after three or four, it is the answer of the loop over single boxes.
    """
    over_GKK = _overlap(boxes_GK4) > threshold
    place_K = torch.arange(boxes_GK4.shape[1], dtype=torch.float32)
    suppresses_GKK = over_GKK & (place_K[:, None] < place_K[None])  # row before column
    if labels_GK is not None:
        suppresses_GKK = suppresses_GKK & (labels_GK[:, :, None] == labels_GK[:, None, :])
    suppresses = suppresses_GKK.to(torch.float32)
    if is_one_by_one():
        return _kept_one_by_one(suppresses, valid_GK)
    if _is_traced():
        settled_G1K: Tensor = _settled(valid_GK[:, None].to(torch.float32), suppresses)
        return settled_G1K[:, 0] > 0.5

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


@torch.jit.script
def _settled(valid_G1K: Tensor, suppresses_GKK: Tensor) -> Tensor:
    """The rounds of `kept`, compiled: a tracer would freeze as many as its example took."""
    stays_G1K = valid_G1K
    changed = torch.ones((), dtype=torch.bool)
    while bool(changed):
        next_G1K = valid_G1K * ((stays_G1K @ suppresses_GKK) < 0.5).to(torch.float32)
        changed = (next_G1K - stays_G1K).abs().sum() > 0.5
        stays_G1K = next_G1K
    return stays_G1K


def _kept_one_by_one(suppresses_GKK: Tensor, valid_GK: Tensor) -> Tensor:
    """The loop over single boxes: each that still stays when it is its turn takes away those that it suppresses."""
    # torch 2.15 has no public name for it.
    from torch._higher_order_ops.scan import scan

    count = valid_GK.shape[1]

    def turn(stays_GK: Tensor, of_box: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        taken_GK, place = of_box
        own_K = (torch.arange(count, dtype=torch.float32) == place).to(torch.float32)
        stays_G1 = (stays_GK * own_K).sum(dim=1, keepdim=True)
        return stays_GK * (1 - stays_G1 * taken_GK), stays_G1

    boxes = suppresses_GKK.transpose(0, 1).contiguous(), torch.arange(count, dtype=torch.float32)
    stays_GK, _ = scan(turn, valid_GK.to(torch.float32), boxes)
    kept_GK: Tensor = stays_GK > 0.5
    return kept_GK


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
