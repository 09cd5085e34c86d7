"""On a CPU an update is one pass over weight and moments, but for runs that began otherwise."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from truscore.recipes import resolve

from services.trainer.worker.optim import make_optimizer

SETTINGS = resolve("border_detection", "dual_class", "", {}).hyperparameters.optimization


def steps(network: nn.Module, optimizer: torch.optim.Optimizer, count: int) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        optimizer.zero_grad()
        torch.autograd.backward(network(torch.rand(4, 3, generator=generator)).square().sum())
        optimizer.step()


@pytest.mark.parametrize("solver", ["adamw", "sgd"])
def test_what_is_fused_learns_what_the_plain_update_learns(solver: str) -> None:
    network = nn.Linear(3, 2)
    plain = deepcopy(network)
    optimizer = make_optimizer(network, SETTINGS, solver)
    groups = [
        {**group, "fused": False, "foreach": False} for group in make_optimizer(plain, SETTINGS, solver).param_groups
    ]
    steps(network, optimizer, 5)
    steps(plain, type(optimizer)(groups), 5)  # type: ignore[call-arg]
    assert [group["fused"] for group in optimizer.param_groups] == [True, True]
    torch.testing.assert_close(network.weight, plain.weight)


def test_a_run_that_an_earlier_release_began_keeps_its_bits() -> None:
    network = nn.Linear(3, 2)
    earlier = torch.optim.AdamW(make_optimizer(network, SETTINGS).param_groups, fused=False)
    for group in earlier.param_groups:
        group["fused"] = None
    steps(network, earlier, 2)
    gone_on = deepcopy(network)
    optimizer = make_optimizer(gone_on, SETTINGS)
    optimizer.load_state_dict(deepcopy(earlier.state_dict()))
    steps(network, earlier, 3)
    steps(gone_on, optimizer, 3)
    assert torch.equal(network.weight, gone_on.weight)
    assert not any(group["fused"] for group in optimizer.param_groups)
