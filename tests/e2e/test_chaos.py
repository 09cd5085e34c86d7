"""`python -m tests.chaos` in short: real runs from order to model while services, broker and store are killed."""

import json
from pathlib import Path

import pytest

from tests.chaos.__main__ import summary, trial_in
from tests.chaos.trial import Plan

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def test_every_order_comes_to_one_model_of_the_undisturbed_weights(tmp_path: Path) -> None:
    plan = Plan(orders=2, pace_s=12, fault_every_s=(2, 4), deadline_s=500, settle_s=3)
    account = trial_in(tmp_path, plan, seed=3)
    assert account.faults.keys(), "a trial without a fault tries nothing"
    assert json.loads(json.dumps(summary(account)))["faults"] == account.faults
    assert list(account.violations) == []
    assert (account.ended, account.dead_letters, list(account.missing_objects)) == (2, 0, [])
