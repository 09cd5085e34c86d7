"""The network learns: the loss falls, and it finds cards better than a guess that knows where cards tend to lie."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from truscore.synthesis import render_dataset
from truscore.zoo import load_checkpoint_model

from services.trainer.journal import EpochDone, Started
from services.trainer.worker.run_dir import RunDir, read_job
from tests.learning.run_folder import PLAIN_HEAD, RunFolder, guessed_metrics, lay_out

pytestmark = pytest.mark.learning

LEARNING = {
    "image_size": 96,
    "architecture_config": {"base_architecture": "mask_rcnn_mobilenet_v3_small_fpn", **PLAIN_HEAD},
    "hyperparameters": {"training_process": {"epochs": 12}},
}


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Sixty-four rendered cards, twelve epochs."""
    cards = render_dataset(tmp_path_factory.mktemp("more-cards"), count=64, seed=11, image_size=(96, 96))
    run = lay_out(tmp_path_factory.mktemp("learned") / "run", cards, overrides=LEARNING)
    assert run.finish() == 0
    return run


def test_the_loss_falls_to_less_than_half(learned: RunFolder) -> None:
    losses = [done.train_loss for done in learned.epochs]
    assert losses[-1] < 0.5 * losses[0]
    assert learned.epochs[-1].val_loss is not None


def test_it_finds_cards_better_than_a_guess_that_knows_where_cards_lie(learned: RunFolder) -> None:
    guessed = guessed_metrics(read_job(RunDir(path=learned.path)))
    reached = learned.completed.metrics
    # At an overlap of 0.50 the guess is hard to beat: cards fill their pictures. Above it, it has to look.
    assert reached["box_AP50"] >= 0.9
    assert reached["box_AP"] > guessed["box_AP"]


def test_the_best_checkpoint_is_the_one_handed_over(learned: RunFolder) -> None:
    completed = learned.completed
    best = min(learned.epochs, key=lambda done: (done.metrics["edge_error_all_px"], done.epoch))
    assert completed.best_epoch == best.epoch
    assert dict(completed.metrics) == dict(best.metrics)
    assert [done.epoch for done in learned.epochs if done.is_best][-1] == best.epoch
    model, recipe, class_names = load_checkpoint_model(learned.path / completed.path)
    assert (recipe.image_size, class_names, model.training) == (96, ("outer_border", "graphical_border"), False)


def test_the_report_holds_the_figures_and_its_pictures_are_there(learned: RunFolder) -> None:
    report = json.loads((learned.path / learned.completed.report).read_text())
    assert report["validation"] == dict(learned.completed.metrics)
    assert set(report["test"]) == set(report["validation"])
    assert [epoch["epoch"] for epoch in report["epochs"]] == list(range(1, 13))
    assert len(report["precision_at_overlap_50"]["box"]) == 2
    assert report["primary_metric"] == "edge_error_all_px"
    comparison = report["comparison"]
    # Of 64 cards at 96 pixels it learns where edges are, not where the print lies to a hundredth of the card.
    assert not comparison["fit_for_use"], comparison["reason"]
    assert comparison["reason"].startswith("centring_error_all_pp is"), comparison["reason"]
    assert learned.completed.comparison is not None
    assert learned.completed.comparison.reason == comparison["reason"]
    trivial, interval = comparison["trivial_metrics"]["average_border"], comparison["intervals"]["edge_error_all_px"]
    assert interval["lower"] <= report["validation"]["edge_error_all_px"] <= interval["upper"]
    assert trivial["edge_error_all_px"] > interval["upper"]
    assert report["convergence"]["verdict"] in {"still_improving", "stable", "plateaued", "over_fitting"}
    assert report["resources"]["machine"]["memory_peak_bytes"] > 0
    assert "page" not in report["notes"], report["notes"]
    assert (learned.path / "report" / "report.html").stat().st_size > 10_000
    for picture in report["pictures"]:
        with Image.open(learned.path / "report" / picture["file"]) as image:
            assert max(image.size) == 640


def test_the_journal_has_the_records_in_order(learned: RunFolder) -> None:
    records = learned.records
    assert isinstance(records[0], Started)
    assert records[0].steps_per_epoch * 12 == records[0].total_steps
    assert [record.epoch for record in records if isinstance(record, EpochDone)] == list(range(1, 13))
    assert records[-1] is not None
    assert learned.completed.epochs == 12


def test_two_processes_train_one_network(make_run: Callable[..., RunFolder], tmp_path: Path) -> None:
    run = make_run(hyperparameters={"training_process": {"epochs": 1}})
    assert run.start(processes=2).wait(170) == 0, (run.path / "printed.log").read_text()[-3000:]
    started = run.records[0]
    assert isinstance(started, Started)
    assert started.world_size == 2
    assert [done.epoch for done in run.epochs] == [1]
    assert run.completed.metrics.keys() >= {"box_AP", "mask_AP"}
