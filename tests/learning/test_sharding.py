"""Weights in shards over two processes learn what copies of them learn, and go on from where they were saved."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from truscore.files import sha256_of

from services.trainer.journal import CheckpointWritten, Shard, Started
from tests.learning.run_folder import RunFolder, lay_out, merged

TINY = {
    "image_size": 48,
    "hyperparameters": {
        "optimization": {"batch_size": 3, "learning_rate": 1e-3},
        "training_process": {"epochs": 2, "checkpoint_saving": "all"},
        "advanced_settings": {"gradient_accumulation_steps": 2},
    },
    "loss_config": {"regularization": {"dropout": 0.0}},
}
SHARDED = {"hyperparameters": {"advanced_settings": {"multi_gpu_strategy": "fully_sharded"}}}
RECOMPUTED = {"hyperparameters": {"advanced_settings": {"memory_optimization": True}}}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise in four grades, the brighter the better."""
    folder, noise = tmp_path_factory.mktemp("graded"), np.random.default_rng(3)
    for grade in range(1, 5):
        (folder / str(grade)).mkdir()
        for number in range(5):
            pixels = noise.integers(0, 60 * grade, (48, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / str(grade) / f"{number}.png")
    return folder


def laid_out(path: Path, graded: Path, **sections: Any) -> RunFolder:
    return lay_out(
        path, graded, category="corner_analysis", option="quality_classification", architecture="resnet",
        overrides=merged(TINY, sections),
    )  # fmt: skip


def on_two(run: RunFolder) -> RunFolder:
    assert run.start(processes=2).wait(500) == 0, (run.path / "printed.log").read_text()[-3000:]
    return run


def going_on(run: RunFolder, checkpoint: Path) -> RunFolder:
    shutil.copy(checkpoint, run.path / "checkpoints" / "latest.pt")
    for shards in checkpoint.parent.glob("shards-*"):
        shutil.copytree(shards, run.path / "checkpoints" / shards.name)
    return run


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, graded: Path) -> RunFolder:
    """Two epochs on two processes, never stopped."""
    return on_two(laid_out(tmp_path_factory.mktemp("shards") / "run", graded, **merged(SHARDED, RECOMPUTED)))


def losses_of(run: RunFolder) -> list[float]:
    return [number for done in run.epochs for number in (done.train_loss, done.val_loss or 0.0)]


def test_shards_learn_what_copies_learn(shards: RunFolder, tmp_path: Path, graded: Path) -> None:
    copies = on_two(laid_out(tmp_path / "copies", graded))
    started = shards.records[0]
    assert isinstance(started, Started)
    assert started.world_size == 2
    assert losses_of(shards) == pytest.approx(losses_of(copies), rel=2e-2)
    assert shards.completed.metrics.keys() == copies.completed.metrics.keys()


def test_what_one_process_began_two_share_and_what_two_began_one_ends(
    shards: RunFolder, tmp_path: Path, graded: Path
) -> None:
    alone = laid_out(tmp_path / "alone", graded, **merged(SHARDED, RECOMPUTED))
    assert going_on(alone, shards.path / "checkpoints" / "epoch-00001.pt").finish() == 0
    assert losses_of(alone)[:2] == losses_of(shards)[:2]
    begun = laid_out(tmp_path / "begun", graded, **merged(SHARDED, RECOMPUTED))
    assert begun.finish() == 0
    apart = laid_out(tmp_path / "apart", graded, **merged(SHARDED, RECOMPUTED))
    on_two(going_on(apart, begun.path / "checkpoints" / "epoch-00001.pt"))
    assert apart.completed.epochs == 2
    assert losses_of(apart)[:2] == losses_of(begun)[:2]


def test_each_process_has_written_its_part_of_a_checkpoint(shards: RunFolder) -> None:
    written = [record for record in shards.records if isinstance(record, CheckpointWritten)]
    assert [len(record.shards) for record in written] == [2, 2]
    for record in written:
        parts: list[CheckpointWritten | Shard] = [record, *record.shards]
        for part in parts:
            assert sha256_of(shards.path / part.path) == part.sha256
            assert (shards.path / part.path).stat().st_size == part.size_bytes
    first, second = (sum(shard.size_bytes for shard in record.shards) for record in written)
    # Two moments of each weight, to which the weights themselves are a half.
    assert first == pytest.approx(second, rel=0.01)
    assert first == pytest.approx(2 * written[0].size_bytes, rel=0.1)


def test_a_kill_while_shards_are_written_costs_that_epoch_alone_and_ends_in_the_same_weights(
    shards: RunFolder, tmp_path: Path, graded: Path
) -> None:
    run = laid_out(tmp_path / "killed", graded, **merged(SHARDED, RECOMPUTED))
    # Dies in the second checkpoint: one process has written its shard of it, the other has not.
    assert run.start(processes=2, child="tests.learning.killed_writer").wait(500) != 0
    assert [done.epoch for done in run.epochs] == [1]
    folders = sorted(path.name for path in (run.path / "checkpoints").glob("shards-*"))
    assert len(folders) == 2
    assert [record.epoch for record in run.records if isinstance(record, CheckpointWritten)] == [1]
    on_two(run)
    assert [done.epoch for done in run.epochs] == [1, 2]  # the first was not trained again
    assert run.weights_sha256 == shards.weights_sha256
