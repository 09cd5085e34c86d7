"""The optimizer and its learning rate. The rate is a function of the step alone: nothing to save, nothing to lose."""

import math
from collections.abc import Callable, Mapping
from inspect import unwrap
from types import MappingProxyType
from typing import Any

import torch
from torch import nn
from truscore.catalog.networks import NETWORKS
from truscore.configuration.recipe import Optimization, Recipe
from truscore.zoo.pretrained import BODY

from services.trainer.worker.in_shards import is_shard

WARM_UP_SHARE = 0.3  # torch's OneCycleLR has the same default
SCALE = "lr_scale"  # key of a group of weights
POLYNOMIAL_POWER = 0.9  # Chen et al. 2017, "DeepLab"


class SGD(torch.optim.SGD):
    # torch's own begins and ends with a call into its compiler, and so imports that: 3 s of a core, to no effect here.
    step = torch.no_grad()(unwrap(torch.optim.SGD.step))


class AdamW(torch.optim.AdamW):
    step = torch.no_grad()(unwrap(torch.optim.AdamW.step))


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


def optimizer_of(recipe: Recipe) -> str:
    """What the recipe's network is trained by; a plug-in's by AdamW."""
    network = NETWORKS.get(recipe.architecture_config.base_architecture)
    return network.solver if network else "adamw"


def make_optimizer(
    model: nn.Module, settings: Optimization, solver: str = "adamw", *, backbone_scale: float = 1.0
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019), or "sgd" with momentum, over what is trained; norms and biases don't decay.
    The body gets ``backbone_scale`` of the learning rate: groups keep theirs under ``SCALE``."""
    # Frozen weights are left out: decay would shrink them although no gradient moves them.
    trained = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    new = [weight for name, weight in trained if backbone_scale == 1.0 or not _is_body(name)]
    body = [weight for name, weight in trained if backbone_scale != 1.0 and _is_body(name)]
    groups = [*_decaying(new, settings), *({**group, SCALE: backbone_scale} for group in _decaying(body, settings))]
    # Those of the new parts are there in any case: the first group's rate is the one that is reported.
    groups = [*groups[:2], *(group for group in groups[2:] if group["params"])]
    fused = _gains_from_fusing([weight for _, weight in trained])
    if solver == "sgd":
        return SGD(groups, lr=settings.learning_rate, momentum=settings.momentum, fused=fused)
    # The recipe's momentum is Adam's beta 1; beta 2 is the paper's (Kingma & Ba 2015, algorithm 1).
    return AdamW(groups, lr=settings.learning_rate, betas=(settings.momentum, 0.999), fused=fused)


def _gains_from_fusing(weights: list[nn.Parameter]) -> bool | None:
    """One pass over a weight and its moments in place of one for each operation: on a CPU a tenth of a small step
    (docs/performance.md). Elsewhere, where it was not measured, and in shards torch chooses."""
    return True if all(weight.device.type == "cpu" and not is_shard(weight) for weight in weights) else None


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Each group gets its share of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get(SCALE, 1.0)


def _decaying(weights: list[nn.Parameter], settings: Optimization) -> list[dict[str, Any]]:
    # Norms' scales and biases are vectors; decaying them costs accuracy (He et al. 2019, "Bag of tricks for image
    # classification", section 3.1).
    return [
        {"params": [weight for weight in weights if weight.dim() > 1], "weight_decay": settings.weight_decay},
        {"params": [weight for weight in weights if weight.dim() <= 1], "weight_decay": 0.0},
    ]


def _is_body(name: str) -> bool:
    # DDP and compilation put names of their own before or between.
    return f".{BODY}" in f".{name}"
