"""Runs over several hosts, which are network namespaces: the same losses as on one, also where a host is cut off."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from services.trainer.journal import Record, Started
from services.trainer.runs.launcher import Rendezvous, worker_command
from tests.learning.hosts import Host, hosts, why_not
from tests.learning.run_folder import RunFolder, lay_out, merged
from tests.learning.test_sharding import TINY, graded

__all__ = ["graded"]
pytestmark = [pytest.mark.chaos, pytest.mark.skipif(bool(why_not()), reason=why_not() or "it can")]
PORT = 29_431
TIMEOUT_S = 240
SHARED: dict[str, Any] = {
    "hyperparameters": {
        "optimization": {"batch_size": 6, "learning_rate": 1e-3},
        "training_process": {"epochs": 3, "early_stopping": {"patience": 1000}},
        "advanced_settings": {"gradient_accumulation_steps": 1},
    },
}
LONG: dict[str, Any] = {"hyperparameters": {"training_process": {"epochs": 30}}}


def laid_out(path: Path, dataset: Path, **sections: Any) -> RunFolder:
    run = lay_out(
        path, dataset, category="corner_analysis", option="quality_classification", architecture="resnet",
        overrides=merged(merged(TINY, SHARED), sections),
    )  # fmt: skip
    order = json.loads((path / "order.json").read_text())
    (path / "order.json").write_text(json.dumps(order | {"elastic": True}))
    return run


@contextmanager
def started_on(places: list[Host], run: RunFolder, *, least: int) -> Iterator[list[RunFolder]]:
    """A process of the run on each host, each with a disk of its own; the first host has the rendezvous."""
    disks = [run, *(RunFolder(path=run.path.with_name(f"{run.path.name}-{host.name}")) for host in places[1:])]
    for disk in disks[1:]:
        shutil.copytree(run.path, disk.path)
    started = []
    for number, (host, disk) in enumerate(zip(places, disks, strict=True)):
        meeting = Rendezvous(
            endpoint=f"{places[0].address}:{PORT}", nodes=f"{least}:{len(places)}", run="test", is_host=number == 0,
            own_address=host.address,
        )  # fmt: skip
        command = worker_command(disk.path, processes=1, rendezvous=meeting)
        started.append(host.start(command, disk.path / "printed.log"))
    try:
        yield disks
    finally:
        for process in started:
            process.kill()
            process.wait(20)


def wait_for(run: RunFolder, wanted: Callable[[Record], bool], *, timeout_s: float = TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not any(wanted(record) for record in run.records):
        assert time.monotonic() < deadline, (run.path / "printed.log").read_text()[-6000:]
        time.sleep(0.05)


def is_end(record: Record) -> bool:
    return type(record).__name__ in ("Completed", "Failed")


def losses_of(run: RunFolder) -> list[float]:
    return [number for done in run.epochs for number in (done.train_loss, done.val_loss or 0.0)]


@pytest.mark.parametrize("count", [2, 3])
def test_losses_are_those_of_one_host_at_the_same_batch(tmp_path: Path, graded: Path, count: int) -> None:
    alone = laid_out(tmp_path / "alone", graded)
    assert alone.finish() == 0
    run = laid_out(tmp_path / "spread", graded)
    with hosts(count) as places, started_on(places, run, least=count) as disks:
        wait_for(run, is_end)
    [first] = [record for record in run.records if isinstance(record, Started)]
    assert first.world_size == count
    assert losses_of(run) == pytest.approx(losses_of(alone), rel=1e-3)
    assert run.completed.epochs == 3
    # Each host has the run's state, should the others be lost.
    assert all((disk.path / "checkpoints" / "latest.pt").exists() for disk in disks)


def test_the_others_go_on_from_the_last_epoch_when_a_host_is_cut_off(
    tmp_path: Path,
    graded: Path,
) -> None:
    undisturbed = laid_out(tmp_path / "alone", graded, **LONG)
    assert undisturbed.finish() == 0
    run = laid_out(tmp_path / "spread", graded, **LONG)
    began_at = time.monotonic()
    with hosts(3) as places, started_on(places, run, least=2):
        wait_for(run, lambda record: isinstance(record, Started))
        started_s = time.monotonic() - began_at
        wait_for(run, lambda record: getattr(record, "epoch", 0) >= 4)
        places[2].cut_off()
        cut_at = time.monotonic()
        wait_for(run, lambda record: isinstance(record, Started) and record.world_size == 2)
        recovered_s = time.monotonic() - cut_at
        wait_for(run, is_end)
    beginnings = [record for record in run.records if isinstance(record, Started)]
    assert [record.world_size for record in beginnings] == [3, 2]
    # It went on from the last whole epoch, and every epoch is there once, with the losses of a run left alone.
    assert beginnings[1].resumed_step > 0
    assert [done.epoch for done in run.epochs] == [done.epoch for done in undisturbed.epochs]
    assert losses_of(run) == pytest.approx(losses_of(undisturbed), rel=5e-2)
    # Not asserted: most of it is the start of two processes, which took as long as the first start says.
    print(f"gone on {recovered_s:.1f} s after the cut; the first start took {started_s:.1f} s")  # noqa: T201
