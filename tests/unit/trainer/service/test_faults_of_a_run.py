"""What goes wrong beside a run: a store that is away, a process that is deaf or silent, a damaged checkpoint."""

import asyncio
import hashlib
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from truscore.events.v1.control_pb2 import RunCancel, RunPause, RunResume
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    TrainingCancelled,
    TrainingCompleted,
    TrainingFailed,
    TrainingPaused,
    TrainingProgressed,
    TrainingStarted,
)
from truscore.storage import MemoryStore, Stored, StoreUnavailable

from services.trainer.run_store.attempts import Attempts
from services.trainer.run_store.keys import RunKeys
from services.trainer.runs.attempt import Limits
from tests.unit.trainer.service.stand import BUCKET, Stand, an_envelope, some_dataset, until

LIMITS = Limits(beat_s=0.1, stop_timeout_s=20, stall_timeout_s=60, store_retry_for_s=20)


class Unsteady(MemoryStore):
    """The memory store, with a line that a test can cut."""

    away = False

    def put(self, uri: str, data: bytes, **details: Any) -> Stored:
        if self.away:
            raise StoreUnavailable(uri, "taken away by the test")
        return super().put(uri, data, **details)

    def get(self, uri: str, **details: Any) -> bytes:
        if self.away:
            raise StoreUnavailable(uri, "taken away by the test")
        return super().get(uri, **details)


def a_stand(tmp_path: Path, **changes: Any) -> Stand:
    return Stand(folder=tmp_path / "here", gates=tmp_path / "gates", **changes)


async def test_a_store_that_is_away_for_a_while_costs_nothing(tmp_path: Path) -> None:
    store = Unsteady()
    stand = a_stand(tmp_path, store=store, limits=LIMITS)
    stand.gate(6)
    stand.gate(12)
    running = asyncio.create_task(stand.order(some_dataset(store)))
    await stand.at_gate(6)
    store.away = True
    stand.open(6)
    await stand.at_gate(12)
    store.away = False
    stand.open(12)
    await running
    [completed] = stand.published(TrainingCompleted)
    assert completed.attempts == 1
    assert (completed.HasField("fit_for_use"), completed.fit_for_use) == (True, False)
    assert completed.fit_for_use_reason == "score is 1, not better than trivial"
    beside = completed.trivial_comparison
    assert (list(beside.purpose_metrics), beside.groups, beside.resamples) == (["score"], 4, 500)
    assert [(one.name, dict(one.metrics)) for one in beside.predictors] == [("constant", {"score": 1.0})]
    assert [(one.metric, one.lower, one.upper) for one in beside.intervals] == [("score", 0.5, 1.5)]
    assert [event.epoch for event in stand.published(EpochCompleted)] == [1, 2, 3]


async def test_a_store_that_stays_away_is_a_fault_and_the_run_goes_on_when_tried_again(tmp_path: Path) -> None:
    store = Unsteady()
    stand = a_stand(tmp_path, store=store, limits=replace(LIMITS, store_retry_for_s=0.2))
    stand.gate(6)
    order = some_dataset(store)
    running = asyncio.create_task(stand.order(order))
    await stand.at_gate(6)
    store.away = True
    stand.open(6)
    with pytest.raises(StoreUnavailable):
        await running
    store.away = False
    await stand.order(order, delivery=2)
    assert len(stand.published(TrainingCompleted)) == 1
    assert [event.epoch for event in stand.received(EpochCompleted)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("left", "first_epoch"), [("as it was", 3), ("damaged", 2), ("on another host", 2), ("fenced off elsewhere", 3)]
)
async def test_a_checkpoint_that_the_store_has_not_is_gone_on_from_where_it_lies(
    tmp_path: Path, left: str, first_epoch: int
) -> None:
    """The service ends while its store is away, with an epoch that only its disk has."""
    store = Unsteady()
    stand = a_stand(tmp_path, store=store, limits=replace(LIMITS, store_retry_for_s=0.2))
    stand.gate(6)
    stand.gate(10)
    order = some_dataset(store)
    running = asyncio.create_task(stand.order(order))
    await stand.at_gate(6)
    await until(lambda: any(each.uri.endswith("checkpoints/latest.json") for each in store.list("s3://truscore/runs/")))
    await until(lambda: stand.published(EpochCompleted))
    store.away = True
    stand.open(6)
    with pytest.raises(StoreUnavailable):
        await running
    stand.open(10)
    store.away = False
    if left == "damaged":
        for path in stand.folder.glob("runs/*/attempt-1/checkpoints/latest.pt"):
            path.write_bytes(b"bit rot")
    if left == "fenced off elsewhere":
        # By a trainer that died before it had set anything up.
        keys = RunKeys(bucket=BUCKET, run_id=stand.published(TrainingStarted)[0].run_id)
        Attempts(store, keys).take(owner="somebody else", host="there", now=stand.deps.now())
    again = stand.another("elsewhere") if left == "on another host" else replace(stand)
    await again.order(order, delivery=2)
    assert [event.first_epoch for event in stand.received(TrainingStarted)] == [1, first_epoch]
    assert [event.epoch for event in stand.received(EpochCompleted)] == [1, 2, 3]
    assert sorted(event.step for event in stand.received(TrainingProgressed)) == list(range(1, 13))
    [completed] = stand.published(TrainingCompleted)
    assert completed.weights_sha256 == hashlib.sha256(str(sum(n**2 for n in range(1, 13))).encode()).hexdigest()


async def test_a_silent_training_process_is_ended_and_started_again(tmp_path: Path) -> None:
    stand = a_stand(tmp_path, limits=replace(LIMITS, stall_timeout_s=2))
    stand.gate(6)
    running = asyncio.create_task(stand.order(some_dataset(stand.store)))
    await until(lambda: list(stand.gates.glob("step-6.reached-[2-9]")))
    stand.open(6)
    await running
    assert len(stand.published(TrainingCompleted)) == 1


async def test_a_training_process_that_never_says_a_word_is_given_up(tmp_path: Path) -> None:
    stand = a_stand(tmp_path, limits=replace(LIMITS, stall_timeout_s=0.3))
    stand.gate(1)
    await stand.order(some_dataset(stand.store))
    [failed] = stand.published(TrainingFailed)
    assert (failed.code, failed.retryable, failed.attempt) == ("stalled", True, 3)


async def test_a_training_process_that_is_deaf_is_ended(tmp_path: Path) -> None:
    stand = a_stand(tmp_path, limits=replace(LIMITS, stop_timeout_s=0.3))
    stand.gate(6)
    running = asyncio.create_task(stand.order(some_dataset(stand.store)))
    await stand.at_gate(6)
    await until(lambda: stand.published(TrainingStarted))
    os.kill(int((stand.gates / "pid").read_text()), signal.SIGSTOP)
    await stand.send(RunCancel(run_id=stand.published(TrainingStarted)[0].run_id, reason="stop"))
    await running
    [cancelled] = stand.published(TrainingCancelled)
    assert (cancelled.reason, cancelled.attempt) == ("stop", 1)


async def test_a_pause_is_consumed_at_once_and_lasts_before_the_inbox_has_it(tmp_path: Path) -> None:
    stand = a_stand(tmp_path, limits=replace(LIMITS, beat_s=60))
    stand.gate(6)
    running = asyncio.create_task(stand.order(some_dataset(stand.store)))
    await stand.at_gate(6)
    await until(lambda: stand.published(TrainingStarted))
    request = RunPause(run_id=stand.published(TrainingStarted)[0].run_id)
    requested = an_envelope()
    await stand.on_broadcast(request, requested)
    await running
    assert len(stand.published(TrainingPaused)) == 1
    await stand.on_request(request, requested)
    assert len(stand.published(TrainingStarted)) == 1


async def test_a_pause_that_comes_again_after_the_resume_pauses_nothing(tmp_path: Path) -> None:
    stand = a_stand(tmp_path)
    stand.gate(6)
    running = asyncio.create_task(stand.order(some_dataset(stand.store)))
    await stand.at_gate(6)
    await until(lambda: stand.published(TrainingStarted))
    run_id = stand.published(TrainingStarted)[0].run_id
    requested = an_envelope()
    await stand.on_request(RunPause(run_id=run_id), requested)
    await running
    stand.open(6)
    await stand.send(RunResume(run_id=run_id, request_id="1"))
    await stand.on_request(RunPause(run_id=run_id), requested)
    await stand.order(stand.published(DatasetValidated)[0])
    assert len(stand.published(TrainingCompleted)) == 1


async def test_a_damaged_checkpoint_costs_time_but_not_the_run(tmp_path: Path) -> None:
    stand = a_stand(tmp_path)
    order = some_dataset(stand.store)
    stand.gate(6)
    running = asyncio.create_task(stand.order(order))
    await stand.at_gate(6)
    await until(lambda: any(entry.uri.endswith("latest.json") for entry in stand.store.list("s3://truscore/runs/")))
    await stand.runs.drain(timeout_s=20)
    await asyncio.gather(running, return_exceptions=True)
    for entry in list(stand.store.list("s3://truscore/runs/")):
        if entry.uri.endswith(".pt"):
            stand.store.put(entry.uri, b"bit rot")
    stand.open(6)
    elsewhere = stand.another("elsewhere")
    await elsewhere.order(order, delivery=2)
    assert [event.first_epoch for event in stand.published(TrainingStarted)] == [1, 1]
    assert [event.epoch for event in stand.received(EpochCompleted)] == [1, 2, 3]
    assert len({event.step for event in stand.received(TrainingProgressed)}) == 12
    assert len(stand.published(TrainingCompleted)) == 1


async def test_folders_of_ended_runs_do_not_pile_up(tmp_path: Path) -> None:
    stand = a_stand(tmp_path)
    order = some_dataset(stand.store)
    for number in range(4):
        order.request_id = str(number)
        await stand.order(order)
    assert len(list((stand.folder / "runs").iterdir())) == 2  # one that is kept, and the run that ended last
