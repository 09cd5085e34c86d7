"""A run that finds its own batch finds it once, and goes on with it to the same weights, to the bit."""

import json
import math
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from truscore.recipes import recipe_from_json
from truscore.recipes.batch_size import FoundBatch
from truscore.synthesis import render_dataset

from services.trainer.journal import Completed, FoldProgressed, Progressed, Started
from services.trainer.worker.checkpoint import read
from tests.learning.run_folder import TIMEOUT_S, TINY, RunFolder, lay_out, merged, second_epoch_began, wait_for

pytestmark = pytest.mark.learning
AUTO = {"optimization": {"batch_size": "auto", "learning_rate": 1e-3}, "training_process": {"epochs": 2}}
LayOut = Callable[..., RunFolder]


@pytest.fixture(scope="module")
def many_cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many that a larger batch than the recipe's leaves enough steps an epoch."""
    return render_dataset(tmp_path_factory.mktemp("cards"), count=48, seed=5, image_size=(96, 96))


@pytest.fixture
def make_auto(tmp_path: Path, many_cards: Path) -> LayOut:
    def make(name: str = "run", *, order: dict[str, object] | None = None, **process: int) -> RunFolder:
        sections = {"hyperparameters": merged(AUTO, {"training_process": process})}
        del (base := json.loads(json.dumps(TINY)))["hyperparameters"]
        run = lay_out(tmp_path / name, many_cards, overrides=merged(base, sections))
        place = run.path / "order.json"
        place.write_text(json.dumps(json.loads(place.read_text()) | (order or {})))
        return run

    return make


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory: pytest.TempPathFactory, many_cards: Path) -> RunFolder:
    base = {key: value for key, value in TINY.items() if key != "hyperparameters"}
    folder = tmp_path_factory.mktemp("auto-alone") / "run"
    run = lay_out(folder, many_cards, overrides={**base, "hyperparameters": AUTO})
    assert run.finish() == 0
    return run


def starts(run: RunFolder) -> list[Started]:
    return [record for record in run.records if isinstance(record, Started)]


def found_by(run: RunFolder) -> FoundBatch:
    found = starts(run)[-1].found_batch
    assert found is not None
    return found


def test_the_number_is_in_the_journal_the_checkpoint_and_the_report(left_alone: RunFolder) -> None:
    found = found_by(left_alone)
    # Of 34 training images, the recipe's batch of 2 doubled leaves eight steps an epoch, and doubled again five.
    assert (found.batch_size, found.stated_batch_size, found.bound_by) == (4, 2, "training_images")
    assert found.learning_rate == pytest.approx(1e-3 * 2**0.5)
    assert starts(left_alone)[0].steps_per_epoch == 9
    assert max(done.learning_rate for done in left_alone.epochs) <= found.learning_rate
    content = read(left_alone.path / "checkpoints" / "latest.pt")
    assert content["found_batch"] == found.to_plain()
    optimization = recipe_from_json(content["recipe"]).hyperparameters.optimization
    assert (optimization.batch_size, optimization.learning_rate) == (4, found.learning_rate)
    report = json.loads((left_alone.path / "report" / "report.json").read_text())
    assert report["recipe"]["hyperparameters"]["optimization"]["batch_size"] == 4
    assert report["notes"]["batch_size"] == found.reason
    assert found.image_bytes > 0 < found.fixed_bytes < found.limit_bytes


def test_killed_in_an_epoch_it_goes_on_with_its_batch_to_the_same_weights(
    left_alone: RunFolder, make_auto: LayOut
) -> None:
    run = make_auto()
    process = run.start()
    wait_for(run, second_epoch_began)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(TIMEOUT_S)
    assert not any(isinstance(record, Completed) for record in run.records)
    # As on a machine with room for less: a search there would come to another number.
    place = run.path / "order.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"runs_at_once": 1_000_000}))
    assert run.finish() == 0
    assert [started.found_batch for started in starts(run)] == [found_by(left_alone)] * 2
    assert run.weights_sha256 == left_alone.weights_sha256


def test_a_run_with_the_number_and_the_rate_that_were_found_trains_the_same(
    left_alone: RunFolder, make_auto: LayOut
) -> None:
    run, found = make_auto("plain"), found_by(left_alone)
    place = run.path / "order.json"
    order = json.loads(place.read_text())
    optimization = order["recipe"]["hyperparameters"]["optimization"]
    del optimization["find_batch_size"]
    optimization |= {"batch_size": found.batch_size, "learning_rate": found.learning_rate}
    place.write_text(json.dumps(order))
    assert run.finish() == 0
    assert starts(run)[-1].found_batch is None
    assert run.weights_sha256 == left_alone.weights_sha256


def test_a_machine_with_little_memory_takes_a_smaller_batch(make_auto: LayOut) -> None:
    run = make_auto(order={"runs_at_once": 1_000_000}, epochs=1)
    assert run.finish() == 0
    assert (found_by(run).batch_size, found_by(run).bound_by) == (1, "memory")


def test_an_attempt_begins_with_what_an_earlier_one_found(left_alone: RunFolder, make_auto: LayOut) -> None:
    """Before there was a checkpoint, on a machine with room for less."""
    noted = replace(found_by(left_alone), limit_bytes=1)
    run = make_auto(order={"runs_at_once": 1_000_000, "found_batch": noted.to_plain()})
    assert run.finish() == 0
    assert found_by(run) == noted
    assert run.weights_sha256 == left_alone.weights_sha256


def test_processes_that_begin_anew_before_a_checkpoint_come_to_the_same_number(
    left_alone: RunFolder, make_auto: LayOut
) -> None:
    run = make_auto(order={"runs_at_once": 1_000_000})
    (run.path / "found-batch.json").write_text(json.dumps(found_by(left_alone).to_plain()))
    run.finish_stopped("cancel", look=1)
    assert found_by(run) == found_by(left_alone)


def test_a_checkpoint_of_another_number_is_what_the_run_goes_on_with(make_auto: LayOut) -> None:
    run = make_auto(epochs=1)
    run.finish_stopped("pause", look=2)
    found = found_by(run)
    place = run.path / "order.json"
    other = replace(found, batch_size=2 * found.batch_size).to_plain()
    place.write_text(json.dumps(json.loads(place.read_text()) | {"found_batch": other}))
    run.finish_stopped("cancel", look=1)
    assert [started.found_batch for started in starts(run)] == [found, found]


def test_its_folds_train_with_the_same_batch(make_auto: LayOut) -> None:
    run = make_auto(epochs=1, cross_validation_folds=2)
    assert run.finish() == 0
    assert found_by(run).batch_size == 4
    report = json.loads((run.path / "report" / "report.json").read_text())
    steps = [record.fold_steps for record in run.records if isinstance(record, FoldProgressed)]
    # One epoch of each fold: a batch of the recipe's own would take twice as many.
    assert set(steps) == {math.ceil(fold["images"]["training"] / 4) for fold in report["folds"]}


def test_processes_that_share_a_batch_agree_on_one_and_find_it_once(make_auto: LayOut) -> None:
    run = make_auto(order={"cpu_processes": 2})
    process = run.start(processes=2)
    wait_for(run, lambda record: isinstance(record, Progressed))
    process.terminate()
    process.wait(TIMEOUT_S)
    assert run.start(processes=2).wait(TIMEOUT_S) == 0
    assert run.completed.epochs == 2
    assert len({started.found_batch for started in starts(run)}) == 1
    assert (found_by(run).batch_size, starts(run)[-1].world_size) == (4, 2)
