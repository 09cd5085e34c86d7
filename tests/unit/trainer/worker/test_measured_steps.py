"""What a step takes of memory is measured alike each time, and held against a share of what the machine has in all."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from truscore.process.cgroup import read_cgroup
from truscore.recipes.memory import CPU_SHARE
from truscore.synthesis import render_dataset

from services.trainer.worker.batch_size import (
    MeasuredStep,
    measure_step,
    measured_batches,
    memory_limit,
    with_found_batch,
)
from services.trainer.worker.devices import Place
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.run_dir import RunDir, TrainingJob, read_job
from tests.learning.run_folder import TINY, lay_out, merged

CPU = Place(device=torch.device("cpu"), name="cpu", cpus=1)
MakeJob = Callable[..., TrainingJob]


@pytest.fixture(scope="module")
def few_cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_dataset(tmp_path_factory.mktemp("cards"), count=8, seed=3, image_size=(96, 96))


@pytest.fixture
def make_job(tmp_path: Path, few_cards: Path) -> MakeJob:
    def make(name: str = "run", **sections: Any) -> TrainingJob:
        run = lay_out(tmp_path / name, few_cards, overrides=merged(TINY, sections))
        return read_job(RunDir(path=run.path))

    return make


def measured(job: TrainingJob, *, world_size: int = 1) -> MeasuredStep:
    return measure_step(job, place=CPU, group=WorkerGroup(world_size=world_size))


def test_whatever_was_drawn_before_the_same_job_measures_the_same(make_job: MakeJob) -> None:
    job = make_job()
    first = measured(job)
    torch.manual_seed(12345)
    assert measured(job) == first


def test_more_pixels_take_more_and_stages_that_are_computed_again_less(make_job: MakeJob) -> None:
    plain = measured(make_job())
    large = measured(make_job("large", image_size=128))
    advanced = {"advanced_settings": {"memory_optimization": True}}
    spared = measured(make_job("spared", hyperparameters=advanced))
    assert large.image_bytes > 2 * plain.image_bytes
    assert spared.image_bytes == pytest.approx(plain.image_bytes * 2 / 3, rel=1e-6)
    assert large.fixed_bytes == plain.fixed_bytes == spared.fixed_bytes


def test_weights_gradients_and_two_moments_are_counted_and_gradients_twice_where_they_are_exchanged(
    make_job: MakeJob,
) -> None:
    job = make_job()
    one, two = measured(job), measured(job, world_size=2)
    gradients = two.fixed_bytes - one.fixed_bytes
    # A weight, its gradient, two moments; beside them are buffers, and a count of steps for each weight.
    assert 4 * gradients <= one.fixed_bytes <= 4.1 * gradients


def test_processes_and_runs_at_once_share_the_memory_evenly(make_job: MakeJob) -> None:
    job = make_job()
    total = psutil.virtual_memory().total
    whole = int(CPU_SHARE * min(total, read_cgroup().limit_bytes or total))
    assert memory_limit(job, place=CPU, group=WorkerGroup()) == whole
    assert memory_limit(job, place=CPU, group=WorkerGroup(world_size=4, local_world_size=2)) == whole // 2
    assert memory_limit(replace(job, runs_at_once=3), place=CPU, group=WorkerGroup()) == whole // 3


def test_hosts_that_come_and_go_keep_the_batch_that_they_can_share(make_job: MakeJob) -> None:
    job = make_job(hyperparameters={"optimization": {"batch_size": 4, "find_batch_size": True}})
    crowded = replace(job, runs_at_once=1_000_000, cpu_processes=2)
    group, folder = WorkerGroup(), RunDir(path=job.images.parent / "host")
    halved = with_found_batch(crowded, folder, place=CPU, group=group)
    assert halved.recipe.hyperparameters.optimization.batch_size == 2  # one for each process
    folder.found_batch.unlink()
    kept = with_found_batch(replace(crowded, elastic=True), folder, place=CPU, group=group)
    assert kept.recipe.hyperparameters.optimization.batch_size == 4


def test_a_recipe_with_a_number_is_left_as_it_is(make_job: MakeJob) -> None:
    job = make_job()
    assert with_found_batch(job, RunDir(path=job.images.parent), place=CPU, group=WorkerGroup()) is job


@given(count=st.integers(1, 200), at_most=st.integers(1, 8))
def test_images_are_measured_two_by_two_from_the_first_to_the_last(count: int, at_most: int) -> None:
    batches = measured_batches(count, at_most=at_most)
    assert 1 <= len(batches) <= 4
    assert {len(batch) for batch in batches} == {min(2, at_most, count)}
    indices = [key.index for batch in batches for key in batch]
    assert (min(indices), max(indices)) == (0, count - 1)
    assert {key.epoch for batch in batches for key in batch} == {1}
