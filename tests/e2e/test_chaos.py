"""`python -m tests.chaos` in short: real runs from order to model while services and store are killed, disks filled."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_disk import why_no_small_disks

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
REPOSITORY = Path(__file__).parents[2]


def test_every_order_comes_to_one_verdict_and_one_model_of_the_undisturbed_weights() -> None:
    trial = [sys.executable, "-m", "tests.small_disk", sys.executable, "-m", "tests.chaos", "--short", "--seed", "3"]
    found = subprocess.run(trial, capture_output=True, text=True, cwd=REPOSITORY, check=False, timeout=600)
    assert found.stdout, found.stderr
    account = json.loads(found.stdout)
    assert account["faults"].keys(), "a trial without a fault tries nothing"
    assert (account["violations"], account["missing_objects"], account["dead_letters"]) == ([], [], 0)
    assert account["ended"] == account["orders"]
    assert account["runs"]
    assert found.returncode == 0
    if refused := why_no_small_disks():
        pytest.skip(f"held, but no disk was filled: {refused}")
    assert account["faults"]["fill_a_disk_of_a_service"]
