"""Folds that a run trains after itself: for its report alone, each kept when it is done, and gone on after."""

import json
import math
import os
import pickle
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from truscore.datasets import ImageRecord, Split, index_to_json, read_dataset, split_to_json
from truscore.metrics.detection import ImageDetections, Instance, run_lengths
from truscore.metrics.multilabel import MultilabelPrediction
from truscore.metrics.ordinal import OrdinalPrediction
from truscore.metrics.pixel_thresholds import count_thresholds
from truscore.metrics.regression import RegressionPrediction
from truscore.metrics.segmentation import count_pixels
from truscore.recipes import recipe_to_json, resolve
from truscore.zoo import build_model

from services.trainer.journal import (
    Cancelled,
    Completed,
    EpochDone,
    Evaluated,
    Failed,
    FoldEvaluated,
    FoldProgressed,
    Paused,
    Record,
    Started,
    records_of,
)
from services.trainer.worker.build_run import build_run
from services.trainer.worker.checkpoint import weights_sha256
from services.trainer.worker.cross_validation.engine import FoldDone, FoldResult, images_of, places_of
from services.trainer.worker.cross_validation.fold_files import RESULT_TYPES, read_fold, write_fold
from services.trainer.worker.cross_validation.folds import collect_results, cross_validate, folds_of
from services.trainer.worker.devices import Place, deterministic
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.loop import train
from services.trainer.worker.main import main, perform
from services.trainer.worker.run_dir import RunDir, read_job
from services.trainer.worker.stop_signal import StopSignal
from services.trainer.worker.tasks import semantic_segmentation
from tests.unit.trainer.worker import killed_child

CPU = Place(device=torch.device("cpu"), name="cpu", cpus=1)
TRAINING, VALIDATION, TEST = 8, 4, 2
EPOCHS, FOLDS = 2, 3
DEADLINE_S = 300.0
LayOut = Callable[..., "Folded"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Folded:
    """A run's folder and what its journal says."""

    path: Path

    def finish(self) -> int:
        return main(["--run-dir", str(self.path)])

    def finish_stopped(self, stop: str, *, when: Callable[[list[Record]], bool]) -> None:
        """With the stop request in the control file as soon as the journal is so."""
        with deterministic():
            perform(RunDir(path=self.path), group=WorkerGroup(), stop_signal=StopWhen(self, stop, when))

    @contextmanager
    def started(self, *command: str) -> "Iterator[subprocess.Popen[bytes]]":
        """In processes of their own, of which none is left in the end."""
        with (self.path / "printed.log").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *command], stdout=output, stderr=output, start_new_session=True
            )  # fmt: skip
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(DEADLINE_S)

    @property
    def records(self) -> list[Record]:
        return list(records_of(self.path / "journal.jsonl"))

    @property
    def completed(self) -> Completed:
        last = self.records[-1]
        assert isinstance(last, Completed), f"the journal ends in {last}"
        return last

    @property
    def report(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.path / "report/report.json").read_text())
        return read

    @property
    def results(self) -> list[dict[str, Any]]:
        """Without how long they took."""
        return [{name: value for name, value in fold.items() if name != "duration_s"} for fold in self.report["folds"]]


class StopWhen(StopSignal):
    """Writes the stop request itself, at its first look at which the journal is so: no race of two processes."""

    def __init__(self, run: Folded, stop: str, when: Callable[[list[Record]], bool]) -> None:
        super().__init__(run.path / "control")
        self._run, self._stop_request, self._when = run, stop, when

    def __call__(self) -> str:
        if not (self._run.path / "control").exists() and self._when(self._run.records):
            (self._run.path / "control").write_text(self._stop_request)
        return super().__call__()


@contextmanager
def one_thread() -> Iterator[None]:
    """As each of several processes has it: sums are split over threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def folds_done(records: list[Record]) -> list[int]:
    return [record.fold for record in records if isinstance(record, FoldEvaluated)]


def in_second_fold(records: list[Record]) -> bool:
    return any(isinstance(record, FoldProgressed) and record.fold == 2 for record in records)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise of rising strength, and its strength as the score."""
    root = tmp_path_factory.mktemp("scores")
    rows = ["image,sharpness"]
    for number in range(TRAINING + VALIDATION + TEST):
        grey_HWC = np.random.default_rng(number).integers(0, 15 * (number + 1), size=(32, 32, 3), dtype=np.uint8)
        Image.fromarray(grey_HWC).save(root / f"{number:02d}.png")
        rows.append(f"{number:02d}.png,{number}")
    (root / "scores.csv").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture(scope="module")
def lay_out(images: Path, tmp_path_factory: pytest.TempPathFactory) -> LayOut:
    index = read_dataset(images).index
    assert index is not None
    paths = [record.path for record in index.images]
    split = Split(
        train=tuple(paths[:TRAINING]), validation=tuple(paths[TRAINING:-TEST]), test=tuple(paths[-TEST:]), seed=0
    )

    def make(
        *,
        folds: int = FOLDS,
        epochs: int = EPOCHS,
        pretrained: str = "none",
        batch: int = 4,
        accumulate: int = 1,
        dropout: float | None = None,
        cpu_processes: int = 1,
    ) -> Folded:
        process = {"epochs": epochs, "cross_validation_folds": folds}
        overrides: dict[str, Any] = {
            "image_size": 32, "architecture_config": {"pretrained_weights": pretrained},
            "hyperparameters": {
                "training_process": process, "optimization": {"batch_size": batch},
                "advanced_settings": {"gradient_accumulation_steps": accumulate},
            },
        }  # fmt: skip
        if dropout is not None:
            overrides["loss_config"] = {"regularization": {"dropout": dropout}}
        recipe = resolve("corner_analysis", "sharpness_rating", "custom_cnn", overrides)
        job = {
            "run_id": "run-0", "recipe": json.loads(recipe_to_json(recipe)), "class_names": [], "index": "index.json",
            "split": "split.json", "images": str(images), "cpu_processes": cpu_processes,
        }  # fmt: skip
        folder = tmp_path_factory.mktemp("run")
        (folder / "checkpoints").mkdir()
        (folder / "index.json").write_text(index_to_json(index))
        (folder / "split.json").write_text(split_to_json(split))
        (folder / "order.json").write_text(json.dumps(job))
        return Folded(path=folder)

    return make


@pytest.fixture(scope="module")
def left_alone(lay_out: LayOut) -> Folded:
    run = lay_out()
    assert run.finish() == 0
    return run


def test_folds_change_neither_weights_nor_figures_of_the_run(left_alone: Folded, lay_out: LayOut) -> None:
    without = lay_out(folds=0)
    assert without.finish() == 0
    for key in ("weights_sha256", "metrics", "best_epoch", "epochs", "sha256"):
        # The recipe is in the checkpoint, so that its file differs where its weights do not.
        assert (getattr(left_alone.completed, key) == getattr(without.completed, key)) is (key != "sha256"), key
    for part in ("validation", "validation_loss", "test", "pictures"):
        assert left_alone.report[part] == without.report[part], part
    assert (without.report["folds"], without.report["cross_validation"]) == ([], {"spreads": {}, "pooled": {}})


def test_every_image_is_held_out_once_but_those_that_only_the_finished_run_is_evaluated_by(lay_out: LayOut) -> None:
    job = read_job(RunDir(path=lay_out().path))
    folds = folds_of(job)
    held_out = [record.path for fold in folds for record in fold.validation]
    assert sorted(held_out) == sorted(record.path for record in (*job.training, *job.validation))
    for fold in folds:
        assert not {record.path for record in fold.training} & {record.path for record in fold.validation}
        assert fold.test == ()


def test_held_out_images_are_found_among_all_without_a_search(lay_out: LayOut, monkeypatch: pytest.MonkeyPatch) -> None:
    job = read_job(RunDir(path=lay_out().path))
    pool = images_of(job)

    def searched(one: ImageRecord, other: object) -> bool:
        raise AssertionError(f"{one.path} was compared")

    monkeypatch.setattr(ImageRecord, "__eq__", searched)
    places = places_of(job.validation, pool)
    assert [pool[place].path for place in places] == [record.path for record in job.validation]


def test_the_report_has_each_fold_the_spread_and_the_metrics_over_all_images(left_alone: Folded) -> None:
    folds, whole = left_alone.report["folds"], left_alone.report["cross_validation"]
    assert [fold["fold"] for fold in folds] == [1, 2, 3]
    assert sum(fold["images"]["held_out"] for fold in folds) == TRAINING + VALIDATION
    assert len({fold["weights_sha256"] for fold in folds} | {left_alone.report["weights_sha256"]}) == FOLDS + 1
    errors = [fold["metrics"]["score_MAE"] for fold in folds]
    spread = whole["spreads"]["score_MAE"]
    assert spread["mean"] == pytest.approx(float(np.mean(errors)))
    assert spread["deviation"] == pytest.approx(float(np.std(errors, ddof=1)))
    assert (spread["least"], spread["most"], spread["count"]) == (min(errors), max(errors), FOLDS)
    sizes = [fold["images"]["held_out"] for fold in folds]
    assert whole["pooled"]["score_MAE"] == pytest.approx(float(np.average(errors, weights=sizes)))
    page = (left_alone.path / "report/report.html").read_text()
    assert "<h2>Cross-validation</h2>" in page
    assert "<th>deviation</th>" in page


def test_folds_are_reported_between_the_last_epoch_and_the_end(left_alone: Folded) -> None:
    records = left_alone.records
    last_epoch = max(place for place, record in enumerate(records) if isinstance(record, EpochDone))
    words = [record for record in records if isinstance(record, FoldProgressed)]
    between = records[last_epoch + 1 : -1]
    assert {type(record) for record in between} == {Evaluated, FoldProgressed, FoldEvaluated}
    assert folds_done(records) == [1, 2, 3]
    assert {(word.step, word.total_steps, word.epoch) for word in words} == {(4, 4, EPOCHS)}
    assert [word.fold_step for word in words] == [1, 2, 3, 4] * FOLDS
    assert words[-1].eta_s == 0
    done = records[last_epoch]
    assert isinstance(done, EpochDone)
    # At the end of its own training a run with folds isn't at its end.
    assert done.eta_s > 0


@pytest.mark.parametrize("stop", ["pause", "drain"])
def test_stopped_in_a_fold_it_goes_on_with_that_fold_to_the_same_results(
    left_alone: Folded, lay_out: LayOut, stop: str
) -> None:
    run = lay_out()
    run.finish_stopped(stop, when=in_second_fold)
    stopped = run.records
    assert isinstance(stopped[-1], Paused)
    assert (stopped[-1].reason, stopped[-1].step, folds_done(stopped)) == (stop, 4, [1])
    assert run.finish() == 0
    assert folds_done(run.records) == [1, 2, 3]
    went_on = run.records[len(stopped) :]
    assert {record.fold for record in went_on if isinstance(record, FoldProgressed)} == {2, 3}
    assert not [record for record in went_on if isinstance(record, EpochDone)]
    assert run.completed.weights_sha256 == left_alone.completed.weights_sha256
    assert run.results == left_alone.results
    assert run.report["cross_validation"] == left_alone.report["cross_validation"]


def test_cancelled_in_a_fold_it_trains_no_further_and_reports_nothing(lay_out: LayOut) -> None:
    run = lay_out()
    run.finish_stopped("cancel", when=in_second_fold)
    assert isinstance(run.records[-1], Cancelled)
    assert not (run.path / "report").exists()


def test_a_training_process_that_is_killed_in_a_fold_goes_on_with_that_fold(
    left_alone: Folded, lay_out: LayOut
) -> None:
    run = lay_out()
    with run.started("-m", killed_child.__name__, str(run.path)) as process:
        assert process.wait(DEADLINE_S) == -signal.SIGKILL, (run.path / "printed.log").read_text()
    assert isinstance(run.records[-1], FoldProgressed)
    assert folds_done(run.records) == [1]
    assert run.finish() == 0
    assert folds_done(run.records) == [1, 2, 3]
    assert run.results == left_alone.results


def test_two_processes_on_a_cpu_share_batch_and_folds_and_give_the_bits_of_one_that_sums_the_same_parts(
    lay_out: LayOut,
) -> None:
    """Two images each step, one a process: halves of a mean, as one process has them that takes one image after the
    other. What is drawn at random (dropout) each process draws for itself, so there is none."""
    run = lay_out(folds=2, epochs=1, batch=2, dropout=0.0, cpu_processes=2)
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    torchrun += ("--log-dir", str(run.path / "torchrun"))
    with run.started(*torchrun, "-m", "services.trainer.worker.main", "--run-dir", str(run.path)) as process:
        assert process.wait(DEADLINE_S) == 0, (run.path / "printed.log").read_text()
    started = run.records[0]
    assert isinstance(started, Started)
    assert (started.world_size, folds_done(run.records)) == (2, [1, 2])
    assert sum(fold["images"]["held_out"] for fold in run.report["folds"]) == TRAINING + VALIDATION
    errors = [fold["metrics"]["score_MAE"] for fold in run.report["folds"]]
    assert run.report["cross_validation"]["pooled"]["score_MAE"] == pytest.approx(float(np.mean(errors)))
    assert started.total_steps == TRAINING // 2
    alone = read_job(RunDir(path=lay_out(folds=0, epochs=1, batch=1, accumulate=2, dropout=0.0).path))
    with deterministic(), one_thread():
        one = build_run(alone, place=CPU, group=WorkerGroup(), stop_requested=str).run
        list(train(one))
    assert run.completed.weights_sha256 == weights_sha256(one.network)


def test_a_run_whose_order_counts_other_processes_than_it_has_is_refused(lay_out: LayOut) -> None:
    run = lay_out(cpu_processes=2)
    assert run.finish() == 1
    [failed] = run.records
    assert isinstance(failed, Failed)
    assert "cpu_processes 2, but the run has 1" in failed.message


@pytest.mark.parametrize("count", [0, 3, "2"])
def test_processes_that_do_not_divide_the_batch_are_refused(lay_out: LayOut, count: Any) -> None:
    with pytest.raises(InvalidJob, match="expected a divisor of the batch of 4"):
        read_job(RunDir(path=lay_out(cpu_processes=count).path))


def test_more_folds_than_images_are_refused_by_name_before_any_work(lay_out: LayOut) -> None:
    run = lay_out(folds=20)
    assert run.finish() == 1
    [failed] = run.records
    assert isinstance(failed, Failed)
    assert (failed.code, failed.retryable) == ("invalid_config", False)
    assert failed.message.startswith("hyperparameters.training_process.cross_validation_folds: 20 is not accepted")
    assert "at most 12" in failed.message


def test_a_fold_that_diverges_is_a_finding_and_not_the_end_of_the_run(lay_out: LayOut) -> None:
    run = lay_out(folds=2, pretrained="ours")
    job, kept = read_job(RunDir(path=run.path)), run.path / "folds"
    sound, broken = run.path / "sound.pth", run.path / "broken.pth"
    weights = build_model(job.recipe, 1).state_dict()
    torch.save(weights, sound)
    torch.save({name: value * math.nan for name, value in weights.items()}, broken)
    after = build_run(replace(job, pretrained=sound), place=CPU, group=WorkerGroup(), stop_requested=str).run
    list(train(after))
    folds = folds_of(replace(job, pretrained=broken))
    words = list(cross_validate(folds, after=after, folder=kept, place=CPU, stop_requested=str))
    result = collect_results(folds, kept)
    assert result is not None
    assert [fold.metrics == {} and "became" in fold.note for fold in result.folds] == [True, True]
    assert (result.spreads, result.pooled) == ({}, {})
    assert sum(isinstance(word, FoldEvaluated) for word in words) == 2


def some_verdicts() -> list[Any]:
    mask_HW = np.zeros((4, 5), dtype=np.bool_)
    mask_HW[1:3, 2:4] = True
    found = Instance(label=1, box_xywh=(2.0, 1.0, 2.0, 2.0), mask=run_lengths(mask_HW), score=0.5)
    target_HW, predicted_HW = mask_HW.astype(np.uint8), np.roll(mask_HW, 1).astype(np.uint8)
    masked = semantic_segmentation.PixelResult(
        count_pixels=count_pixels(0, target_HW, predicted_HW, classes=2),
        count_thresholds=count_thresholds(predicted_HW[None].astype(np.float32), target_HW),
    )
    return [
        ImageDetections(
            image=0, height=4, width=5, target=(replace(found, score=1.0, mask=None, crowd=True),), prediction=(found,)
        ),
        OrdinalPrediction(image=1, target=2, prediction=3, probabilities=(0.25, 0.75)),
        MultilabelPrediction(image=2, target=(True, False), probabilities=(0.5, 0.125)),
        RegressionPrediction(image=3, target=(None, 2.0), prediction=(1.0, 3.0)),
        masked,
    ]


def a_result(*image_results: Any) -> FoldResult:
    done = FoldDone(
        seed=0, fold=1, images={"training": 2}, epochs=1, chosen_epoch=1, loss=None, metrics={"a": 0.1}, duration_s=1.0,
        weights_sha256="00",
    )  # fmt: skip
    return FoldResult(done=done, image_results=image_results)


def test_verdicts_of_every_task_come_back_as_they_were(lay_out: LayOut, tmp_path: Path) -> None:
    job, image_results = read_job(RunDir(path=lay_out().path)), some_verdicts()
    write_fold(tmp_path / "folds", job, a_result(*image_results))
    read = read_fold(tmp_path / "folds", job, 1)
    assert read is not None
    assert read.done == a_result().done
    assert repr(read.image_results) == repr(tuple(image_results))
    parts = {part for part in RESULT_TYPES if part.__name__ in repr(image_results)}
    assert parts == set(RESULT_TYPES)


def test_a_result_that_is_damaged_or_of_another_order_is_no_result(lay_out: LayOut, tmp_path: Path) -> None:
    job = read_job(RunDir(path=lay_out().path))
    written = write_fold(tmp_path, job, a_result())
    assert read_fold(tmp_path, job, 1) is not None
    assert read_fold(tmp_path, job, 2) is None
    assert read_fold(tmp_path, replace(job, validation=job.validation[1:]), 1) is None
    assert read_fold(tmp_path, replace(job, dataset_digest="other"), 1) is None
    content = written.path.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"{}", content.replace(b"held_out", b"held_in!")):
        written.path.write_bytes(damaged)
        assert read_fold(tmp_path, job, 1) is None


def test_no_damage_to_a_result_is_more_than_that_there_is_none(lay_out: LayOut, tmp_path: Path) -> None:
    job, chance = read_job(RunDir(path=lay_out().path)), random.Random(0)
    written = write_fold(tmp_path, job, a_result(*some_verdicts()))
    sound = written.path.read_bytes()
    start = sound.index(b"data.pkl")
    for _ in range(300):
        damaged = bytearray(sound)
        damaged[chance.randrange(start, start + 2000)] = chance.randrange(256)
        written.path.write_bytes(damaged)
        found = read_fold(tmp_path, job, 1)
        assert found is None or isinstance(found.done, FoldDone)


def test_code_in_a_result_is_not_run(lay_out: LayOut, tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"format": 1, "done": Bad()}, tmp_path / "fold-01.pt", pickle_module=pickle)
    assert read_fold(tmp_path, read_job(RunDir(path=lay_out().path)), 1) is None
    assert not (tmp_path / "ran").exists()


def test_a_run_that_is_over_says_so_when_it_goes_on_in_its_folds(lay_out: LayOut) -> None:
    run = lay_out()
    run.finish_stopped("drain", when=in_second_fold)
    run.finish_stopped("drain", when=lambda records: folds_done(records) == [1, 2])
    assert run.finish() == 0
    started = [record for record in run.records if isinstance(record, Started)]
    assert [(record.first_epoch, record.resumed_step) for record in started] == [(1, 0), (3, 4), (3, 4)]
    assert folds_done(run.records) == [1, 2, 3]
