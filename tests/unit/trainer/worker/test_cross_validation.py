"""Cross-validation: each image evaluated once, by a network that has not seen it; figures with their spread."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from truscore.datasets import DatasetIndex, InvalidSplit, read_dataset
from truscore.recipes import Recipe, resolve
from truscore.zoo import build_model

from services.trainer.journal import EpochDone
from services.trainer.worker.cross_validation.__main__ import main
from services.trainer.worker.cross_validation.engine import FoldDone, spreads
from services.trainer.worker.cross_validation.repetitions import Repetition, Trial, repeat
from services.trainer.worker.devices import Place

CPU = Place(device=torch.device("cpu"), name="cpu", cpus=1)
IMAGES = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise of ten strengths, and its strength as the score."""
    root = tmp_path_factory.mktemp("scores")
    rows = ["image,sharpness"]
    for number in range(IMAGES):
        grey_HWC = np.random.default_rng(number).integers(0, 25 * (number + 1), size=(32, 32, 3), dtype=np.uint8)
        Image.fromarray(grey_HWC).save(root / f"{number:02d}.png")
        rows.append(f"{number:02d}.png,{number}")
    (root / "scores.csv").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture(scope="module")
def index(folder: Path) -> DatasetIndex:
    found = read_dataset(folder).index
    assert found is not None
    return found


def recipe(*, epochs: int = 2, batch_size: int = 4, pretrained: str = "none", saving: str = "best") -> Recipe:
    process = {"epochs": epochs, "early_stopping": {"patience": 1}, "checkpoint_saving": saving}
    hyperparameters = {"training_process": process, "optimization": {"batch_size": batch_size}}
    overrides = {
        "image_size": 32,
        "hyperparameters": hyperparameters,
        "architecture_config": {"pretrained_weights": pretrained},
    }
    return resolve("corner_analysis", "sharpness_rating", "custom_cnn", overrides)


def repeated(trial: Trial, scratch: Path, *, seed: int = 0) -> tuple[Repetition, list[tuple[int, EpochDone]]]:
    received: list[tuple[int, EpochDone]] = []
    done: list[FoldDone] = []
    repetition = repeat(
        trial,
        seed=seed,
        scratch=scratch,
        place=CPU,
        clock=lambda: 0.0,
        on_epoch=lambda fold, epoch: received.append((fold, epoch)),
        on_fold=done.append,
    )
    assert repetition.folds == tuple(done)
    return repetition, received


def test_every_image_is_held_out_once_and_evaluated_with_the_others_too(
    folder: Path, index: DatasetIndex, tmp_path: Path
) -> None:
    trial = Trial(index=index, images=folder, recipe=recipe(), folds=2)
    repetition, received = repeated(trial, tmp_path)
    assert [fold.images for fold in repetition.folds] == [{"training": 5, "choosing": 0, "held_out": 5}] * 2
    assert set(repetition.pooled) >= set(repetition.folds[0].metrics) != set()
    # Patience of one epoch would have stopped it: where nothing is chosen, the held-out images stop nothing.
    assert [(fold, epoch.epoch) for fold, epoch in received] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert [epoch.val_loss is None for _, epoch in received] == [True, False, True, False]
    assert [fold.chosen_epoch for fold in repetition.folds] == [2, 2]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    folder: Path, index: DatasetIndex, tmp_path: Path
) -> None:
    trial = Trial(index=index, images=folder, recipe=recipe(epochs=1), folds=2)
    runs = [
        [fold.weights_sha256 for fold in repeated(trial, tmp_path / str(number), seed=seed)[0].folds]
        for number, seed in enumerate((0, 0, 1))
    ]
    assert runs[0] == runs[1]
    assert not set(runs[0]) & set(runs[2])


def test_folds_that_are_kept_are_not_trained_again_and_what_they_come_to_is_the_same(
    folder: Path, index: DatasetIndex, tmp_path: Path
) -> None:
    trial = Trial(index=index, images=folder, recipe=recipe(epochs=1), folds=2, kept=tmp_path / "kept")
    first, trained = repeated(replace(trial, only=frozenset({2})), tmp_path / "first")
    assert ([fold.fold for fold in first.folds], [number for number, _ in trained]) == ([2], [2])
    whole, trained = repeated(trial, tmp_path / "whole")
    assert [number for number, _ in trained] == [1]
    assert [fold.fold for fold in whole.folds] == [1, 2]
    again, trained = repeated(trial, tmp_path / "again")
    assert (again, trained) == (whole, [])
    assert whole == repeated(replace(trial, kept=None), tmp_path / "not-kept")[0]
    assert whole.trivial
    # Of another recipe there is nothing to go on from.
    assert len(repeated(replace(trial, recipe=recipe(epochs=2)), tmp_path / "other")[1]) == 4


def test_the_best_epoch_is_chosen_by_images_that_no_network_is_evaluated_on(
    folder: Path, index: DatasetIndex, tmp_path: Path
) -> None:
    trial = Trial(index=index, images=folder, recipe=recipe(), folds=2, choose="best")
    repetition, received = repeated(trial, tmp_path)
    for number, fold in enumerate(repetition.folds, start=1):
        assert fold.images["choosing"] >= 1
        assert sum(fold.images.values()) == IMAGES
        split = json.loads((tmp_path / f"seed-0-fold-{number}" / "split.json").read_text())
        assert not {*split["train"], *split["validation"]} & set(split["test"])
        epochs = [epoch for of_fold, epoch in received if of_fold == number]
        assert fold.chosen_epoch == max(epoch.epoch for epoch in epochs if epoch.is_best)


def test_a_recipe_that_keeps_the_latest_checkpoint_is_evaluated_at_its_last_epoch(
    folder: Path, index: DatasetIndex, tmp_path: Path
) -> None:
    trial = Trial(index=index, images=folder, recipe=recipe(epochs=4, saving="latest"), folds=3, choose="best")
    repetition, received = repeated(trial, tmp_path)
    last = {fold: epoch.epoch for fold, epoch in received}
    assert {number: fold.chosen_epoch for number, fold in enumerate(repetition.folds, start=1)} == last
    assert any(not epoch.is_best for fold, epoch in received if epoch.epoch == last[fold])


def test_a_fold_that_diverges_says_so_and_has_no_metrics(folder: Path, index: DatasetIndex, tmp_path: Path) -> None:
    from_weights = recipe(epochs=1, pretrained="ours")
    broken = tmp_path / "broken.pth"
    weights = build_model(from_weights, 1).state_dict()
    torch.save({name: value * math.nan for name, value in weights.items()}, broken)
    repetition, _ = repeated(
        Trial(index=index, images=folder, recipe=from_weights, folds=2, pretrained=broken), tmp_path
    )
    assert [("became" in fold.note, fold.metrics, fold.loss) for fold in repetition.folds] == [(True, {}, None)] * 2
    assert repetition.pooled == {}


def test_more_folds_than_images_are_refused(folder: Path, index: DatasetIndex, tmp_path: Path) -> None:
    with pytest.raises(InvalidSplit, match="expected at most 10"):
        repeated(Trial(index=index, images=folder, recipe=recipe(), folds=11), tmp_path)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_mean_and_spread_are_those_of_the_sample(values: list[float]) -> None:
    found = spreads([{"mae": value} for value in values])["mae"]
    assert found.count == len(values)
    assert found.mean == pytest.approx(float(np.mean(values)), abs=1e-6)
    wanted = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    assert found.deviation == pytest.approx(wanted, rel=1e-6, abs=1e-6)
    assert (found.least, found.most) == (min(values), max(values))


def test_a_metric_that_a_fold_lacks_is_counted_over_the_others() -> None:
    found = spreads([{"a": 1.0, "b": 2.0}, {"a": 3.0}])
    assert (found["a"].mean, found["a"].count) == (2.0, 2)
    assert (found["b"].mean, found["b"].count) == (2.0, 1)


def test_the_command_prints_and_writes_figures_with_the_recipe_they_are_of(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "figures.json"
    options = ["--category", "corner_analysis", "--option", "sharpness_rating", "--epochs", "1", "--folds", "2"]
    small = ["--set", "image_size=32", "--set", "hyperparameters.optimization.batch_size=5", "--max-images", "8"]
    assert main([str(folder), *options, *small, "--seeds", "0,1", "--output", str(output)]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert json.loads(output.read_text()) == result
    assert result["recipe"]["image_size"] == 32
    assert result["recipe"]["hyperparameters"]["optimization"]["batch_size"] == 5
    assert [(run["seed"], run["fold"]) for run in result["runs"]] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert {spread["count"] for spread in result["metrics"].values()} == {4}
    assert {spread["count"] for spread in result["pooled"].values()} == {2}
    assert set(result["trivial"]) == {"mean_score", "median_score"}
    for of_trivial in result["trivial"].values():
        assert {name: spread["count"] for name, spread in of_trivial.items()} == dict.fromkeys(of_trivial, 2)
        assert of_trivial["score_MAE"]["mean"] > 0
    assert all(math.isfinite(spread["mean"]) for spread in result["metrics"].values())
    assert result["images"] == 8
    assert "seed 1 fold 2 epoch 1/1: train loss" in captured.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--set", "image_size"), "--set 'image_size': expected KEY=VALUE"),
        (("--set", "colour=red"), "colour"),
        (("--seeds", "1,x"), "--seeds '1,x': expected whole numbers"),
        (("--folds", "1"), "folds 1: expected at least 2"),
        (("--max-images", "1"), "--max-images 1: expected at least 2"),
        (("--only", "6"), "--only '6': expected numbers of folds from 1 to 5"),
        (("--only", "one"), "--only 'one'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(
    folder: Path, arguments: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder), "--category", "corner_analysis", "--option", "sharpness_rating", *arguments]) == 2
    assert named in capsys.readouterr().err


def test_a_folder_without_images_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--category", "corner_analysis", "--option", "sharpness_rating"]) == 2
    assert "can't be read as a dataset" in capsys.readouterr().err
