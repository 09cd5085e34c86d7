"""Learning rates are those of torch's own schedulers, step by step."""

from collections.abc import Callable
from math import ceil

import pytest
import torch
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
)
from truscore.recipes.accepted_values import RULES, Choice

from services.trainer.worker.optim import POLYNOMIAL_POWER, SCHEDULES

Scheduler = Callable[[Optimizer, int], LRScheduler]
EXACT: dict[str, Scheduler] = {
    "cosine_annealing": lambda optimizer, total: CosineAnnealingLR(optimizer, T_max=total),
    "linear": lambda optimizer, total: LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=total),
    "polynomial": lambda optimizer, total: PolynomialLR(optimizer, total_iters=total, power=POLYNOMIAL_POWER),
    "constant": lambda optimizer, total: ConstantLR(optimizer, factor=1.0, total_iters=total),
}
KEY = "hyperparameters.optimization.lr_scheduler"


def rates_of_torch(make: Scheduler, total: int) -> list[float]:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer, total)
    rates = []
    for _ in range(total):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return rates


def ours(name: str, total: int) -> list[float]:
    return [SCHEDULES[name](step / total) for step in range(total)]


def test_every_schedule_of_the_configuration_is_compared() -> None:
    rule = RULES[KEY]
    assert isinstance(rule, Choice)
    assert {*EXACT, "step", "one_cycle"} == set(rule.values) <= set(SCHEDULES)


@pytest.mark.parametrize("total", [1, 2, 7, 90, 100])
@pytest.mark.parametrize("name", EXACT)
def test_a_schedule_is_torchs_at_every_step(name: str, total: int) -> None:
    assert ours(name, total) == pytest.approx(rates_of_torch(EXACT[name], total), abs=1e-6)


@pytest.mark.parametrize("total", [90, 180, 9000])
def test_steps_down_come_after_a_warm_up_of_a_ninetieth(total: int) -> None:
    def make(optimizer: Optimizer, steps: int) -> LRScheduler:
        warm_up = LinearLR(optimizer, start_factor=0.001, end_factor=1.0, total_iters=steps // 90)
        falls = MultiStepLR(optimizer, [ceil(steps * 2 / 3), ceil(steps * 8 / 9)], gamma=0.1)
        return ChainedScheduler([warm_up, falls])

    assert ours("step", total) == pytest.approx(rates_of_torch(make, total), abs=1e-6)


@pytest.mark.parametrize("total", [50, 1000])
def test_one_cycle_is_torchs_but_for_where_steps_begin(total: int) -> None:
    """Torch reaches its peak and its end a step early, so that its last step learns nothing; ours still does. Nowhere
    do they differ by more than the steepest slope, 0.96 * pi / 0.6 over the whole, makes of a step and a half."""
    expected = rates_of_torch(lambda optimizer, steps: OneCycleLR(optimizer, max_lr=1.0, total_steps=steps), total)
    assert ours("one_cycle", total) == pytest.approx(expected, abs=1.5 * 5.03 / total)
    assert max(ours("one_cycle", total)) == pytest.approx(1.0, abs=1e-3)
    assert ours("one_cycle", total)[-1] > expected[-1] > 0
