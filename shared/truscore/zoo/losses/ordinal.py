"""Grades as what they are: places on an ordered scale. Losses, and what the outputs say of each grade.

Legend: B images, K grades, T = K - 1 thresholds between them; grades are places, from 0. What a threshold decides is
whether the grade is beyond it.
"""

import torch
from torch import Tensor, nn

LOSSES = ("corn", "coral", "cross_entropy")


def ordinal_loss(raw: Tensor, grade_B: Tensor, primary_loss: str) -> Tensor:
    """Mean over the images, in nats; ``raw`` is [B, T], for cross_entropy [B, K]."""
    match primary_loss:
        case "corn":
            return corn_loss(raw, grade_B)
        case "coral":
            return coral_loss(raw, grade_B)
        case "cross_entropy":
            return nn.functional.cross_entropy(raw, grade_B)
    raise ValueError(f"primary_loss {primary_loss!r}: grades accept {', '.join(LOSSES)}")


def coral_loss(logits_BT: Tensor, grade_B: Tensor) -> Tensor:
    """Cao, Mirjalili & Raschka 2020, "Rank consistent ordinal regression", equation 4: a binary cross-entropy at each
    threshold, summed over them, all weights 1."""
    beyond_BT = _beyond(grade_B, logits_BT)
    # Summed over thresholds, as the paper has it, and a mean over images alone.
    return nn.functional.binary_cross_entropy_with_logits(logits_BT, beyond_BT, reduction="none").sum(dim=1).mean()


def corn_loss(logits_BT: Tensor, grade_B: Tensor) -> Tensor:
    """Shi, Cao & Raschka 2021, "Deep neural networks for rank-consistent ordinal regression based on conditional
    probabilities", equation 6: threshold t counts only for images that are beyond threshold t - 1.

    The paper divides by the number of conditions in the batch, here it is by the images: each image then counts
    the same whatever is beside it, and many small batches equal a large one.
    """
    beyond_BT = _beyond(grade_B, logits_BT)
    # 1 where the condition of threshold t holds: always for the first, then where the grade is beyond the one before.
    counted_BT = torch.cat([torch.ones_like(beyond_BT[:, :1]), beyond_BT[:, :-1]], dim=1)
    each_BT = nn.functional.binary_cross_entropy_with_logits(logits_BT, beyond_BT, reduction="none")
    return (counted_BT * each_BT).sum(dim=1).mean()


def exceedance(raw: Tensor, primary_loss: str) -> Tensor:
    """[B, T]: the probability that the grade is beyond each threshold; it never rises from one to the next."""
    if primary_loss == "corn":
        # Equation 4 of CORN, the product of the conditional probabilities; as sums of logarithms, which every exporter
        # can carry.
        return nn.functional.logsigmoid(raw).cumsum(dim=1).exp()
    if primary_loss == "coral":
        return raw.sigmoid()  # in order, as the thresholds are
    # P(grade > t) is the sum of the probabilities from t + 1 up; rounding may carry it beyond 1.
    tail_BT = raw.softmax(dim=1)[:, 1:].flip(1).cumsum(dim=1).flip(1)
    return tail_BT.clamp(max=1.0)


def grade_probabilities(beyond_BT: Tensor) -> Tensor:
    """[B, K]: what lies between one threshold and the next. They sum to 1."""
    ones_B1 = torch.ones_like(beyond_BT[:, :1])
    # P(grade > -1) = 1 in front and P(grade > K - 1) = 0 behind: what falls between two is a grade.
    padded = torch.cat([ones_B1, beyond_BT, torch.zeros_like(ones_B1)], dim=1)
    return (padded[:, :-1] - padded[:, 1:]).clamp(min=0.0)


def median_grade(beyond_BT: Tensor) -> Tensor:
    """[B]: the number of thresholds that the grade is more likely beyond than not (CORN, equation 5; CORAL, equation
    1). It is the median of the probabilities: off by the least on average."""
    return (beyond_BT > 0.5).sum(dim=1)


class OrderedThresholds(nn.Module):
    """CORAL's one score against thresholds of its own (equation 2: a shared weight and a bias each).

    The biases fall in any case: the paper proves their order for the minimum of the loss (theorem 1); here each is the
    one before it less a positive step, so that probabilities are in order after any number of steps.
    """

    def __init__(self, thresholds: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.full((1,), 0.5 * (thresholds - 1)))
        self.steps = nn.Parameter(torch.full((thresholds - 1,), 0.5413))  # softplus of it is 1

    def start_at(self, bias_T: Tensor) -> None:
        """Take these biases, each below the one before."""
        with torch.no_grad():
            self.first.copy_(bias_T[:1])
            self.steps.copy_((bias_T[:-1] - bias_T[1:]).expm1().log())  # the inverse of softplus

    def forward(self, score_B1: Tensor) -> Tensor:
        falls_T = torch.cat([self.first, -nn.functional.softplus(self.steps)]).cumsum(dim=0)
        return score_B1 + falls_T


def _beyond(grade_B: Tensor, logits_BT: Tensor) -> Tensor:
    """[B, T] of 0 and 1: whether each grade is beyond each threshold."""
    threshold_T = torch.arange(logits_BT.shape[1], device=grade_B.device)
    return (grade_B[:, None] > threshold_T).to(logits_BT.dtype)
