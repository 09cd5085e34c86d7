"""A training process imports what it needs and no more: torch's compiler alone takes three seconds of a core."""

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import nn
from truscore.recipes import resolve
from truscore.synthesis import render_dataset

from services.trainer.worker.devices import deterministic
from services.trainer.worker.optim import make_optimizer
from tests.learning.run_folder import TINY, lay_out, merged
from tests.unit.trainer.worker import bare_start_child

ONE_EPOCH = {"hyperparameters": {"training_process": {"epochs": 1}}}
SETTINGS = resolve("border_detection", "dual_class", "", {}).hyperparameters.optimization


def test_a_run_in_one_process_is_over_without_compiler_shards_and_tokens(tmp_path: Path) -> None:
    cards = render_dataset(tmp_path / "cards", count=6, seed=1, image_size=(96, 128))
    run = lay_out(tmp_path / "run", cards, overrides=merged(TINY, ONE_EPOCH))
    child = [sys.executable, "-m", bare_start_child.__name__, "--run-dir", str(run.path)]
    ended = subprocess.run(child, capture_output=True, text=True, timeout=170, check=True)
    assert json.loads(ended.stdout.splitlines()[-1]) == {"status": 0, "at_start": [], "at_end": []}
    assert run.completed


@pytest.mark.parametrize(("solver", "torchs_own"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_an_update_without_the_compiler_gives_the_bits_of_torch_s_own(
    solver: str, torchs_own: type[torch.optim.Optimizer]
) -> None:
    network = nn.Linear(3, 2)
    other = deepcopy(network)
    optimizer = make_optimizer(network, SETTINGS, solver)
    groups = make_optimizer(other, SETTINGS, solver).param_groups
    plain = torchs_own(groups)  # type: ignore[call-arg]
    for _ in range(3):
        for each, its_optimizer in ((network, optimizer), (other, plain)):
            its_optimizer.zero_grad()
            torch.autograd.backward(each(torch.ones(4, 3)).square().sum())
            its_optimizer.step()
    assert torch.equal(network.weight, other.weight)
    assert network.weight.is_leaf, "the update was recorded as a part of the graph"
    moments, plain_moments = (one.state_dict()["state"][0] for one in (optimizer, plain))
    assert all(torch.equal(torch.as_tensor(moments[name]), torch.as_tensor(plain_moments[name])) for name in moments)


def test_a_deterministic_run_warns_of_operations_that_are_not_and_fails_at_none() -> None:
    with deterministic():
        assert torch.get_deterministic_debug_mode() == 1  # "warn"
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert torch.get_deterministic_debug_mode() == 0
