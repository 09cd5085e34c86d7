"""The optimizer and its learning rate. The rate is a function of the step alone: nothing to save, nothing to lose."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import nn
from truscore.recipes.config import Optimization

WARM_UP_SHARE = 0.3
POLYNOMIAL_POWER = 0.9


def _one_cycle(done: float) -> float:
    """Smith & Topin 2018: up along a cosine over the first 30 %, from a 25th, then down to nothing."""
    if done < WARM_UP_SHARE:
        return 0.04 + 0.96 * _rise(done / WARM_UP_SHARE)
    return 1.0 - _rise((done - WARM_UP_SHARE) / (1 - WARM_UP_SHARE)) * (1 - 1e-4)


def _rise(share: float) -> float:
    return 0.5 * (1 - math.cos(math.pi * share))


# Factor of the learning rate, given the share of the planned steps that are done (from 0, below 1).
SCHEDULES: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {
        "one_cycle": _one_cycle,
        "cosine_annealing": lambda done: 1.0 - _rise(done),
        "step": lambda done: 1.0 if done < 2 / 3 else 0.1 if done < 8 / 9 else 0.01,  # Detectron's schedule
        "linear": lambda done: 1.0 - done,
        "polynomial": lambda done: (1.0 - done) ** POLYNOMIAL_POWER,
        "constant": lambda done: 1.0,
    }
)


def learning_rate(settings: Optimization, *, step: int, total_steps: int) -> float:
    """The rate of the optimizer step with this index, from 0."""
    return settings.learning_rate * SCHEDULES[settings.lr_scheduler](step / total_steps)


def make_optimizer(model: nn.Module, settings: Optimization) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019) over what is trained; norms and biases don't decay."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in trained if weight.dim() > 1], "weight_decay": settings.weight_decay},
        {"params": [weight for weight in trained if weight.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(settings.momentum, 0.999))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
