"""What the trainer makes of a run that trains folds after its epochs: published, kept, gone on after, stopped."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from truscore.events.v1.control_pb2 import RunCancel, RunPause, RunResume
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    TrainingCancelled,
    TrainingCompleted,
    TrainingPaused,
    TrainingProgressed,
    TrainingStarted,
)
from truscore.storage import Entry, MemoryStore
from truscore.storage.store import LIST_LIMIT

from services.trainer.run_store.attempts import Attempts
from services.trainer.run_store.keys import RunKeys
from tests.unit.trainer.service.stand import BUCKET, Stand, some_dataset, until

FOLDS = 3
STEPS = 12


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(folder=tmp_path / "here", gates=tmp_path / "gates")


def folded(stand: Stand) -> DatasetValidated:
    order = some_dataset(stand.store)
    order.training.config.hyperparameters.training_process.cross_validation_folds = FOLDS
    return order


def keys_of(stand: Stand) -> RunKeys:
    return RunKeys(bucket=BUCKET, run_id=stand.published(TrainingStarted)[0].run_id)


def folds_kept(stand: Stand) -> list[str]:
    return [entry.uri.rsplit("/", 1)[-1] for entry in stand.store.list(keys_of(stand).folds)]


async def in_fold(stand: Stand, fold: int, *, attempt: int = 1) -> None:
    await until((stand.gates / f"fold-{fold}.reached-{attempt}").exists)
    await until(lambda: stand.published(TrainingStarted) and len(folds_kept(stand)) == fold - 1)


def reported(stand: Stand) -> list[str]:
    [completed] = stand.published(TrainingCompleted)
    folds: list[str] = json.loads(stand.store.get(completed.report_uri, limit_bytes=1000))["folds"]
    return folds


async def test_while_folds_are_trained_the_run_goes_neither_back_nor_beyond_its_end(stand: Stand) -> None:
    await stand.order(folded(stand))
    progressed = stand.published(TrainingProgressed)
    assert [event.step for event in progressed] == [*range(1, STEPS + 1), *[STEPS] * FOLDS]
    assert {event.epoch for event in progressed[-FOLDS:]} == {3}
    assert [event.eta_s for event in progressed[-FOLDS:]] == [2, 1, 0]
    # Each is an event of its own: a consumer that knows the ids of those it received receives every fold.
    assert len(stand.received(TrainingProgressed)) == STEPS + FOLDS
    assert [event.epoch for event in stand.published(EpochCompleted)] == [1, 2, 3]


async def test_results_of_folds_are_let_go_of_once_the_report_has_them(stand: Stand) -> None:
    await stand.order(folded(stand))
    assert len(reported(stand)) == FOLDS
    assert folds_kept(stand) == []


async def test_killed_in_a_fold_the_next_attempt_trains_those_that_are_not_done(stand: Stand) -> None:
    (stand.gates / "fold-2").touch()
    running = asyncio.create_task(stand.order(folded(stand)))
    await in_fold(stand, 2)
    stand.kill_child()
    await until((stand.gates / "fold-2.reached-2").exists)
    (stand.gates / "fold-2").unlink()
    await running
    assert reported(stand) == ["fold 1 by attempt 1", "fold 2 by attempt 2", "fold 3 by attempt 2"]


async def test_paused_in_a_fold_it_goes_on_with_that_fold_on_another_host(stand: Stand) -> None:
    (stand.gates / "fold-3").touch()
    order = folded(stand)
    running = asyncio.create_task(stand.order(order))
    await in_fold(stand, 3)
    run_id = keys_of(stand).run_id
    await stand.send(RunPause(run_id=run_id))
    await running
    [paused] = stand.published(TrainingPaused)
    assert paused.step == STEPS
    (stand.gates / "fold-3").unlink()
    there = stand.another("there")
    await there.send(RunResume(run_id=run_id, request_id="again"))
    await there.order(there.published(DatasetValidated)[-1])
    assert reported(stand) == ["fold 1 by attempt 1", "fold 2 by attempt 1", "fold 3 by attempt 2"]


class Vanishing(MemoryStore):
    """Of what it lists another host, which has completed the run meanwhile, has let go by the time it is asked for."""

    vanishing = ""

    def list(self, prefix_uri: str, *, limit: int = LIST_LIMIT) -> Iterator[Entry]:
        for entry in [*super().list(prefix_uri, limit=limit)]:
            if self.vanishing and entry.uri.endswith(self.vanishing):
                self.delete(entry.uri)
            yield entry


async def test_a_result_that_is_gone_when_it_is_fetched_has_its_fold_trained_again(tmp_path: Path) -> None:
    store = Vanishing()
    stand = Stand(folder=tmp_path / "here", gates=tmp_path / "gates", store=store)
    (stand.gates / "fold-2").touch()
    running = asyncio.create_task(stand.order(folded(stand)))
    await in_fold(stand, 2)
    store.vanishing = "fold-01.pt"
    stand.kill_child()
    (stand.gates / "fold-2").unlink()
    await running
    assert reported(stand) == [f"fold {number} by attempt 2" for number in (1, 2, 3)]


async def test_cancelled_in_a_fold_the_run_is_cancelled(stand: Stand) -> None:
    (stand.gates / "fold-1").touch()
    running = asyncio.create_task(stand.order(folded(stand)))
    await in_fold(stand, 1)
    await stand.send(RunCancel(run_id=keys_of(stand).run_id, reason="enough"))
    await running
    [cancelled] = stand.published(TrainingCancelled)
    assert (cancelled.reason, stand.published(TrainingCompleted)) == ("enough", [])


async def test_an_overtaken_attempt_leaves_no_fold_behind(stand: Stand) -> None:
    (stand.gates / "fold-2").touch()
    running = asyncio.create_task(stand.order(folded(stand)))
    await in_fold(stand, 2)
    Attempts(stand.store, keys_of(stand)).take(owner="somebody else", host="there", now=stand.deps.now())
    (stand.gates / "fold-2").unlink()
    await running
    assert folds_kept(stand) == ["fold-01.pt"]
    assert stand.published(TrainingCompleted) == []
