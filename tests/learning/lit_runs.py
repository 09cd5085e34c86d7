"""Small runs of photometric stereo, and what holds of each of them whatever it learns."""

from pathlib import Path
from typing import Any

import pytest
import torch
from truscore.zoo import load_checkpoint_model

from services.trainer.worker.run_dir import RunDir, read_job
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.make import make_task
from tests.learning.run_folder import RunFolder, lay_out


def lay_out_lit(
    folder: Path,
    dataset: Path,
    option: str,
    architecture: str,
    *,
    epochs: int,
    image_size: int | None = None,
    dropout: float = 0.1,
    network: str = "",
) -> RunFolder:
    """A run of so many epochs, none of them saved by stopping early; without a size, at that of the recipe, and without
    a ``network``, of the recipe's."""
    overrides: dict[str, Any] = {
        "seed": 2,
        "hyperparameters": {
            "optimization": {"batch_size": 2},
            "training_process": {"epochs": epochs, "early_stopping": {"patience": epochs}},
        },
        "loss_config": {"regularization": {"dropout": dropout}},
        **({} if image_size is None else {"image_size": image_size}),
        **({"architecture_config": {"base_architecture": network}} if network else {}),
    }
    return lay_out(
        folder,
        dataset,
        category="photometric_stereo",
        option=option,
        architecture=architecture,
        overrides=overrides,
    )


def assert_answers_as_reported(run: RunFolder, *, within: float = 1e-3) -> None:
    """The checkpoint, loaded as whoever uses it does, has the metrics that its run reported."""
    network, recipe, _ = load_checkpoint_model(run.path / run.completed.path)
    job = read_job(RunDir(path=run.path))
    assert recipe == job.recipe
    task = make_task(job, evaluated=job.validation)
    keys = [Key(epoch=0, index=index) for index in range(len(task.validation))]
    with torch.no_grad():
        results = task.evaluate(network, task.collate([task.validation[key] for key in keys]), keys).image_results
    assert task.metrics(results) == pytest.approx(dict(run.completed.metrics), abs=within)


def assert_same_when_stopped(alone: RunFolder, stopped: RunFolder) -> None:
    """A run that is stopped on the way and ordered again comes to the weights and metrics of one that is left alone."""
    assert alone.finish() == 0
    stopped.finish_stopped("drain", look=2)
    assert stopped.finish() == 0
    assert stopped.weights_sha256 == alone.weights_sha256
    assert [done.metrics for done in stopped.epochs] == [done.metrics for done in alone.epochs]
