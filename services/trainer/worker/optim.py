"""The optimizer and its learning rate. The rate is a function of the step alone: nothing to save, nothing to lose."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import nn
from truscore.configuration.recipe import Optimization

WARM_UP_SHARE = 0.3  # torch's OneCycleLR has the same default
POLYNOMIAL_POWER = 0.9  # Chen et al. 2017, "DeepLab"


def _one_cycle(done: float) -> float:
    """Smith & Topin 2018: up along a cosine over the first 30 %, from a 25th, then down to nothing."""
    if done < WARM_UP_SHARE:
        return 0.04 + 0.96 * _rise(done / WARM_UP_SHARE)
    return 1.0 - _rise((done - WARM_UP_SHARE) / (1 - WARM_UP_SHARE)) * (1 - 1e-4)


def _rise(share: float) -> float:
    return 0.5 * (1 - math.cos(math.pi * share))


def _step(done: float) -> float:
    """Detectron2's 1x schedule: up from a thousandth over 1,000 of 90,000 steps, then down at 60,000 and at 80,000."""
    if done < 2 / 3:
        return min(1.0, 0.001 + 0.999 * 90 * done)
    return 0.1 if done < 8 / 9 else 0.01


# Factor of the learning rate, given the share of the planned steps that are done (from 0, below 1).
SCHEDULES: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {
        "one_cycle": _one_cycle,
        # Loshchilov & Hutter 2017, "SGDR", equation 5, without restarts.
        "cosine_annealing": lambda done: 1.0 - _rise(done),
        "step": _step,
        "linear": lambda done: 1.0 - done,
        "polynomial": lambda done: (1.0 - done) ** POLYNOMIAL_POWER,
        "constant": lambda done: 1.0,
    }
)


def learning_rate(settings: Optimization, *, step: int, total_steps: int) -> float:
    """The rate of the optimizer step with this index, from 0."""
    return settings.learning_rate * SCHEDULES[settings.lr_scheduler](step / total_steps)


def make_optimizer(model: nn.Module, settings: Optimization, solver: str = "adamw") -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019), or "sgd" with momentum, over what is trained; norms and biases don't decay."""
    # Frozen weights are left out: decay would shrink them although no gradient moves them.
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    # Norms' scales and biases are vectors; decaying them costs accuracy (He et al. 2019, "Bag of tricks for image
    # classification", section 3.1).
    groups = [
        {"params": [weight for weight in trained if weight.dim() > 1], "weight_decay": settings.weight_decay},
        {"params": [weight for weight in trained if weight.dim() <= 1], "weight_decay": 0.0},
    ]
    if solver == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum)
    # The recipe's momentum is Adam's beta 1; beta 2 is the paper's (Kingma & Ba 2015, algorithm 1).
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(settings.momentum, 0.999))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
