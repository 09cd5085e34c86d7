"""Stopped in any way and started again, a run gives the weights of one that was left alone, to the bit."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from services.trainer.journal import Cancelled, Completed, EpochDone, Failed, Paused
from tests.learning.run_folder import TIMEOUT_S, RunFolder, second_epoch_began, wait_for

pytestmark = pytest.mark.learning
SECOND_STAGE = {"architecture_config": {"custom_modifications": {"head_customization": "phoenix_specialized"}}}
MakeRun = Callable[..., RunFolder]


def test_the_same_seed_twice_gives_the_same_weights(left_alone: RunFolder, make_run: MakeRun) -> None:
    again = make_run()
    assert again.finish() == 0
    assert again.weights_sha256 == left_alone.weights_sha256
    assert [done.metrics for done in again.epochs] == [done.metrics for done in left_alone.epochs]


def test_another_seed_gives_other_weights(left_alone: RunFolder, make_run: MakeRun) -> None:
    other = make_run(seed=8, hyperparameters={"training_process": {"epochs": 1}})
    assert other.finish() == 0
    assert other.weights_sha256 != left_alone.weights_sha256


def test_killed_in_an_epoch_it_goes_on_from_the_last_one_to_the_same_weights(
    left_alone: RunFolder, make_run: MakeRun
) -> None:
    run = make_run()
    process = run.start()
    wait_for(run, second_epoch_began)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(TIMEOUT_S)
    assert not any(isinstance(record, Completed) for record in run.records)
    assert run.finish() == 0
    assert run.weights_sha256 == left_alone.weights_sha256
    assert [done.epoch for done in run.epochs] == [1, 2]


def test_terminated_in_an_epoch_it_saves_and_goes_on_to_the_same_weights(
    left_alone: RunFolder, make_run: MakeRun
) -> None:
    run = make_run()
    process = run.start()
    wait_for(run, second_epoch_began)
    process.terminate()
    assert process.wait(TIMEOUT_S) == 0
    assert isinstance(run.records[-1], Paused)
    assert run.finish() == 0
    assert run.weights_sha256 == left_alone.weights_sha256


# Looks 1 to 4 come before the steps of the first epoch, 5 in its validation, 6 after it; then the second epoch.
@pytest.mark.parametrize(("stop", "look", "epoch"), [("drain", 3, 1), ("drain", 5, 1), ("pause", 9, 2)])
def test_requested_to_stop_anywhere_it_goes_on_from_there_to_the_same_weights(
    left_alone: RunFolder, make_run: MakeRun, stop: str, look: int, epoch: int
) -> None:
    run = make_run()
    run.finish_stopped(stop, look=look)
    paused = run.records[-1]
    assert isinstance(paused, Paused)
    assert (paused.reason, paused.epoch) == (stop, epoch)
    assert not (run.path / "control").exists()
    assert run.finish() == 0
    assert run.weights_sha256 == left_alone.weights_sha256
    for done, expected in zip(run.epochs, left_alone.epochs, strict=True):
        reported = (done.epoch, done.train_loss, done.val_loss, done.metrics)
        assert reported == (expected.epoch, expected.train_loss, expected.val_loss, expected.metrics)


def test_borders_with_a_second_stage_go_on_to_the_same_weights(make_run: MakeRun) -> None:
    """Its strips are cut around labels moved at random: by seed, epoch and image, not by how often it was started."""
    alone, run = make_run("alone", **SECOND_STAGE), make_run("run", **SECOND_STAGE)
    assert alone.finish() == 0
    run.finish_stopped("pause", look=9)
    assert run.finish() == 0
    assert run.weights_sha256 == alone.weights_sha256
    assert [done.metrics for done in run.epochs] == [done.metrics for done in alone.epochs]


def test_an_epoch_that_was_saved_but_not_reported_is_reported_when_the_run_goes_on(
    left_alone: RunFolder, make_run: MakeRun
) -> None:
    run = make_run()
    assert run.finish() == 0
    journal = run.path / "journal.jsonl"
    # As if it had been killed between the last epoch's checkpoint and its word.
    reported = [line for line in journal.read_bytes().splitlines(keepends=True) if b'"epoch":2' not in line]
    journal.write_bytes(b"".join(reported))
    assert [done.epoch for done in run.epochs] == [1]
    assert run.finish() == 0
    assert [done.epoch for done in run.epochs] == [1, 2]
    assert run.weights_sha256 == left_alone.weights_sha256


@pytest.mark.parametrize(("look", "steps"), [(1, 0), (3, 2)])
def test_cancelled_it_stops_before_the_next_step_and_stays_cancelled(make_run: MakeRun, look: int, steps: int) -> None:
    run = make_run()
    run.finish_stopped("cancel", look=look)
    assert run.records[-1] == Cancelled(step=steps, epoch=1)
    assert (run.path / "control").exists()
    assert list((run.path / "checkpoints").iterdir()) == []


def test_a_checkpoint_of_another_recipe_is_not_gone_on_from(left_alone: RunFolder, make_run: MakeRun) -> None:
    run = make_run(seed=99)
    latest = Path("checkpoints/latest.pt")
    (run.path / latest).write_bytes((left_alone.path / latest).read_bytes())
    assert run.finish() == 1
    failed = run.records[-1]
    assert not isinstance(failed, Completed | EpochDone)
    assert "another recipe" in getattr(failed, "message", "")


def test_a_run_whose_time_is_over_gives_away_the_best_of_its_whole_epochs(make_run: MakeRun) -> None:
    run = make_run()
    # A look before each step and one behind the validation: it stops in the second epoch.
    run.finish_stopped("pause", look=9)
    order = json.loads((run.path / "order.json").read_text())
    (run.path / "order.json").write_text(json.dumps(order | {"time_budget_s": 0.001}))
    assert run.finish() == 0
    assert (run.completed.epochs, run.completed.best_epoch) == (1, 1)
    report = json.loads((run.path / run.completed.report).read_text())
    assert report["notes"]["time_budget"] == "0.001 s: ended after 1 of 2 epochs"


def test_a_run_whose_time_is_over_before_its_first_epoch_fails_by_name(make_run: MakeRun) -> None:
    run = make_run()
    order = json.loads((run.path / "order.json").read_text())
    (run.path / "order.json").write_text(json.dumps(order | {"time_budget_s": 1e-6}))
    assert run.finish() == 1
    failed = run.records[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.retryable) == ("time_budget_exceeded", False)
    assert failed.message.startswith("time_budget_s: 1e-06 s of training were over after 0 of the ")
