"""Grades as the loop sees them: targets, losses, results, diagnostics; and what can't be learned from."""

import json
from pathlib import Path

import pytest
import torch
from truscore.datasets import DatasetIndex, ImageRecord, Split, index_to_json, split_to_json
from truscore.recipes import recipe_to_json, resolve
from truscore.zoo import build_model

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.labelled import is_labelled, left_out_note
from services.trainer.worker.run_dir import RunDir, read_job
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.make import make_task
from tests.unit.trainer.worker.labelled_folders import DAMAGES, GRADES, SCORES, job_of, record

NAMES = ("1", "5", "10")
VALUES = (1.0, 5.0, 10.0)


@pytest.fixture
def graded(tmp_path: Path) -> list[ImageRecord]:
    return [record(tmp_path, f"{number}.png", labels=(1 + number % 3,)) for number in range(6)]


def test_a_grades_target_is_its_place_on_the_scale(tmp_path: Path, graded: list[ImageRecord]) -> None:
    task = make_task(job_of(tmp_path, GRADES, graded, class_names=NAMES, grades=VALUES), evaluated=tuple(graded))
    batch = task.collate([task.training[Key(epoch=0, index=index)] for index in range(6)])
    assert batch.target_B.tolist() == [0, 1, 2, 0, 1, 2]
    assert batch.image_BCSS.shape == (6, 3, 32, 32)
    assert task.image_count(batch) == 6


def test_an_epoch_sees_images_augmented_and_validation_as_they_are(tmp_path: Path, graded: list[ImageRecord]) -> None:
    task = make_task(job_of(tmp_path, GRADES, graded, class_names=NAMES, grades=VALUES), evaluated=tuple(graded))
    plain, again = (task.training[Key(epoch=0, index=1)].image_CSS for _ in range(2))
    seen = [task.training[Key(epoch=epoch, index=1)].image_CSS for epoch in (1, 1, 2)]
    assert torch.equal(plain, again)
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])


def test_verdicts_carry_the_truth_and_metrics_come_of_them(tmp_path: Path, graded: list[ImageRecord]) -> None:
    job = job_of(tmp_path, GRADES, graded, class_names=NAMES, grades=VALUES)
    task = make_task(job, evaluated=job.validation)
    network = build_model(job.recipe, 3).eval()
    keys = [Key(epoch=0, index=index) for index in (4, 2)]
    with torch.no_grad():
        batch_evaluation = task.evaluate(network, task.collate([task.validation[key] for key in keys]), keys)
    assert [(image_result.image, image_result.target) for image_result in batch_evaluation.image_results] == [
        (4, 1),
        (2, 2),
    ]
    assert sum(batch_evaluation.image_results[0].probabilities) == pytest.approx(1.0, abs=1e-5)
    assert {"quadratic_weighted_kappa", "grade_MAE", "within_1_accuracy"} <= task.metrics(
        batch_evaluation.image_results
    ).keys()
    assert batch_evaluation.losses["classification"] > 0


@pytest.mark.parametrize("loss", ["corn", "coral", "cross_entropy"])
def test_every_loss_trains_a_grader_and_is_weighed(tmp_path: Path, graded: list[ImageRecord], loss: str) -> None:
    def classification(weight: float) -> float:
        config = {"primary_loss": loss, "loss_weights": {"classification": weight}, "regularization": {"dropout": 0.0}}
        job = job_of(tmp_path, GRADES, graded, class_names=NAMES, grades=VALUES, loss_config=config)
        torch.manual_seed(0)
        network = build_model(job.recipe, 3)
        task = make_task(job, evaluated=job.validation)
        parts = task.losses(network, task.collate([task.training[Key(epoch=0, index=0)]]))
        parts["classification"].backward()
        assert all(weight.grad is not None for weight in network.parameters())
        return parts["classification"].item()

    assert classification(3.0) == pytest.approx(3 * classification(1.0), rel=1e-5)


def test_the_penalty_on_weights_is_a_part_of_its_own(tmp_path: Path, graded: list[ImageRecord]) -> None:
    config = {"regularization": {"l2_weight": 0.01}}
    job = job_of(tmp_path, GRADES, graded, class_names=NAMES, grades=VALUES, loss_config=config)
    task = make_task(job, evaluated=job.validation)
    network = build_model(job.recipe, 3)
    parts = task.losses(network, task.collate([task.training[Key(epoch=0, index=0)]]))
    squares = sum(weight.square().sum().item() for weight in network.parameters() if weight.dim() > 1)
    assert parts["l2"].item() == pytest.approx(0.01 * squares, rel=1e-4)


def test_the_report_shows_the_images_that_went_worst(tmp_path: Path, graded: list[ImageRecord]) -> None:
    job = job_of(tmp_path, GRADES, graded, class_names=NAMES, grades=VALUES)
    task = make_task(job, evaluated=job.validation)
    network = build_model(job.recipe, 3).eval()
    keys = [Key(epoch=0, index=index) for index in range(6)]
    with torch.no_grad():
        image_results = task.evaluate(network, task.collate([task.validation[key] for key in keys]), keys).image_results
    report = task.report(network, image_results, tmp_path)
    errors = [picture["error"] for picture in report["pictures"]]
    assert errors == sorted(errors, reverse=True)
    assert all((tmp_path / picture["file"]).stat().st_size > 0 for picture in report["pictures"])
    assert report["matrices"][0]["real"] == NAMES
    json.dumps(report, allow_nan=False)


def test_classes_that_are_no_grades_are_refused(tmp_path: Path, graded: list[ImageRecord]) -> None:
    job = job_of(tmp_path, GRADES, graded, class_names=("good", "bad", "ugly"))
    with pytest.raises(InvalidJob, match="good, bad, ugly"):
        make_task(job, evaluated=job.validation)


@pytest.mark.parametrize(
    ("task", "output", "reported"),
    [
        ("ordinal_classification", {"labels": (2,)}, True),
        ("ordinal_classification", {"labels": (1, 2)}, False),
        ("ordinal_classification", {"labels": ()}, False),
        ("ordinal_classification", {"scores": (("sharpness", 1.0),)}, False),
        ("multilabel_classification", {"labels": ()}, True),
        ("multilabel_classification", {"labels": (1, 2)}, True),
        ("multilabel_classification", {}, False),
        ("regression", {"scores": (("sharpness", 1.0),)}, True),
        ("regression", {"labels": (1,)}, False),
        ("instance_segmentation", {}, True),
    ],
)
def test_an_image_teaches_a_task_its_label(task: str, output: dict[str, object], reported: bool) -> None:
    one = ImageRecord(path="a.png", sha256="", size_bytes=0, width=1, height=1, **output)  # type: ignore[arg-type]
    assert is_labelled(one, task) == reported


def test_images_that_are_left_out_are_counted_and_some_are_named() -> None:
    paths = [f"{number}.png" for number in range(5)]
    assert left_out_note(paths, "regression") == ("5 images without a score are left out: 0.png, 1.png, 2.png, …")
    assert left_out_note([], "regression") == ""


def lay_down(folder: Path, records: list[ImageRecord], split: Split, row: tuple[str, str, str]) -> RunDir:
    index = DatasetIndex(format="folder", class_names=NAMES, images=tuple(records), grades=VALUES)
    job = {
        "run_id": "run",
        "recipe": json.loads(recipe_to_json(resolve(*row))),
        "class_names": list(NAMES),
        "index": "index.json",
        "split": "split.json",
        "images": ".",
    }
    (folder / "index.json").write_text(index_to_json(index))
    (folder / "split.json").write_text(split_to_json(split))
    (folder / "order.json").write_text(json.dumps(job))
    return RunDir(path=folder)


def test_an_order_leaves_out_what_is_not_graded_and_says_so(tmp_path: Path) -> None:
    output = [(1,), (2,), None, (3,), (1, 2)]
    records = [record(tmp_path, f"{number}.png", labels=labels) for number, labels in enumerate(output)]
    paths = tuple(one.path for one in records)
    split = Split(train=paths[:3], validation=paths[3:], test=(), seed=0)
    job = read_job(lay_down(tmp_path, records, split, GRADES))
    assert [one.path for one in job.training] == ["0.png", "1.png"]
    assert [one.path for one in job.validation] == ["3.png"]
    assert job.left_out == "2 images without one grade are left out: 2.png, 4.png"


@pytest.mark.parametrize("row", [GRADES, SCORES, DAMAGES])
def test_a_split_of_images_without_a_label_is_refused(tmp_path: Path, row: tuple[str, str, str]) -> None:
    records = [record(tmp_path, f"{number}.png") for number in range(2)]
    split = Split(train=("0.png",), validation=("1.png",), test=(), seed=0)
    with pytest.raises(InvalidJob, match=r"no (images|scores)"):
        read_job(lay_down(tmp_path, records, split, row))
