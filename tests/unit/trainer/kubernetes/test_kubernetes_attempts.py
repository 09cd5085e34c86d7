"""What becomes of runs whose attempts are Jobs, by the real client library, whatever the cluster does meanwhile."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from truscore.bus import HandBack
from truscore.events.v1.control_pb2 import RunCancel, RunPause, RunResume
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    TrainingCancelled,
    TrainingCompleted,
    TrainingFailed,
    TrainingPaused,
    TrainingProgressed,
    TrainingStarted,
)

from services.trainer.journal import CheckpointWritten, records_of
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.segments import Segments
from tests.unit.trainer.kubernetes.node import OPTIONS, Fleet, fleet
from tests.unit.trainer.service.stand import BUCKET, Stand, some_dataset, until

COMPONENTS = Path(__file__).parents[4] / "deploy/kubernetes/components"
STEPS = list(range(1, 13))
BOTH = pytest.mark.parametrize("launcher", ["kubernetes", "kubeflow"])


@pytest.fixture(scope="module")
def weights_left_alone(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Weights of the same run by processes on this machine that nobody disturbed."""
    folder = tmp_path_factory.mktemp("alone")
    alone = Stand(folder=folder / "here", gates=folder / "gates")
    asyncio.run(alone.order(some_dataset(alone.store)))
    return str(alone.published(TrainingCompleted)[0].weights_sha256)


def check_whole(stand: Stand, weights: str, *, attempts: int = 1) -> None:
    """Every step and epoch was heard once, and the weights are those of a run that nobody disturbed."""
    assert sorted(event.step for event in stand.received(TrainingProgressed)) == STEPS
    assert [event.epoch for event in stand.received(EpochCompleted)] == [1, 2, 3]
    [completed] = stand.received(TrainingCompleted)
    assert completed.weights_sha256 == weights
    assert completed.attempts == attempts
    best = completed.best_checkpoint
    assert stand.store.get(best.uri, limit_bytes=1000, sha256=best.sha256)
    assert stand.store.stat(completed.report_uri)


@BOTH
async def test_a_run_in_a_job_is_the_run_that_it_is_on_this_machine(
    tmp_path: Path, launcher: str, weights_left_alone: str
) -> None:
    async with fleet(tmp_path, launcher=launcher) as there:
        await there.stand.order(some_dataset(there.stand.store))
        check_whole(there.stand, weights_left_alone)
        run_id = there.stand.published(TrainingStarted)[0].run_id
        # The journal is one object by now, and superseded checkpoints are gone.
        keys = [entry.uri for entry in there.stand.store.list(f"s3://truscore/runs/{run_id}/")]
        assert not [key for key in keys if "/segments/" in key]
        assert len([key for key in keys if key.endswith(".pt")]) == 1
        assert not list((tmp_path / "here").rglob("*.png")), "images have no business on the service's disk"


@BOTH
async def test_what_the_api_refuses_for_now_is_asked_again(
    tmp_path: Path, launcher: str, weights_left_alone: str
) -> None:
    async with fleet(tmp_path, launcher=launcher) as there:
        there.cluster.refuse("POST", 429, 503, 429)
        there.cluster.refuse("GET", 429, 500)
        await there.stand.order(some_dataset(there.stand.store))
        check_whole(there.stand, weights_left_alone)
        assert len([each for each in there.cluster.requests if each.startswith("POST")]) == 4


def verbs_of(rules: list[dict[str, list[str]]]) -> set[tuple[str, str]]:
    return {(name, verb) for rule in rules for name in rule["resources"] for verb in rule["verbs"]}


async def at_gate(there: Fleet, step: int) -> "asyncio.Task[None]":
    """A run that is under way, in the middle of an epoch."""
    there.stand.gate(step)
    running = asyncio.create_task(there.stand.order(some_dataset(there.stand.store)))
    await there.stand.at_gate(step)
    await until(lambda: step - 1 in [event.step for event in there.stand.published(TrainingProgressed)])
    return running


@BOTH
async def test_a_watch_that_is_too_old_is_begun_anew(tmp_path: Path, launcher: str, weights_left_alone: str) -> None:
    async with fleet(tmp_path, launcher=launcher) as there:
        running = await at_gate(there, 6)
        # Cut off, and when it comes back its version is gone.
        there.cluster.forget_versions()
        await there.cluster.cut_watches()
        await until(lambda: there.cluster.told_gone == 2)
        there.stand.open(6)
        await running
        check_whole(there.stand, weights_left_alone)


@BOTH
async def test_a_pod_that_is_evicted_is_followed_by_one_that_goes_on(
    tmp_path: Path, launcher: str, weights_left_alone: str
) -> None:
    async with fleet(tmp_path, launcher=launcher) as there:
        running = await at_gate(there, 6)
        await there.cluster.disrupt("EvictionByEvictionAPI", drain=there.node.drain)
        there.stand.open(6)
        await running
        check_whole(there.stand, weights_left_alone)
        assert there.node.pods == 2


async def test_a_pod_whose_node_is_lost_is_followed_by_one_that_goes_on(
    tmp_path: Path, weights_left_alone: str
) -> None:
    async with fleet(tmp_path) as there:
        running = await at_gate(there, 6)
        await there.cluster.disrupt("DeletionByTaintManager")
        there.stand.open(6)
        await running
        check_whole(there.stand, weights_left_alone)
        assert there.node.pods == 2


@BOTH
async def test_a_process_that_dies_in_its_pod_is_the_next_attempt(
    tmp_path: Path, launcher: str, weights_left_alone: str
) -> None:
    async with fleet(tmp_path, launcher=launcher) as there:
        running = await at_gate(there, 6)
        there.stand.kill_child()
        there.stand.open(6)
        await running
        check_whole(there.stand, weights_left_alone, attempts=2)
        # The one of the attempt that was given up is gone. A Job goes by itself in time, a TrainJob does not.
        jobs = [name[-2:] for name in there.cluster.submitted()]
        assert jobs == (["-2"] if launcher == "kubernetes" else [])


@BOTH
async def test_a_trainer_that_goes_leaves_the_pod_to_the_next(
    tmp_path: Path, launcher: str, weights_left_alone: str
) -> None:
    async with fleet(tmp_path, launcher=launcher) as there:
        running = await at_gate(there, 6)
        await there.stand.runs.drain(timeout_s=10)
        with pytest.raises(HandBack):
            await running
        there.stand.open(6)
        after = there.another("after")
        await after.order(some_dataset(after.store), delivery=2)
        check_whole(after, weights_left_alone)
        assert there.node.pods == 1


@pytest.mark.parametrize("job_is_gone", [False, True])
async def test_what_a_pod_stored_while_no_trainer_looked_is_gone_on_from(
    tmp_path: Path, weights_left_alone: str, job_is_gone: bool
) -> None:
    async with fleet(tmp_path) as there:
        running = await at_gate(there, 6)
        await there.stand.runs.drain(timeout_s=10)
        with pytest.raises(HandBack):
            await running
        there.stand.gate(10)
        there.stand.open(6)
        keys = RunKeys(bucket=BUCKET, run_id=there.stand.published(TrainingStarted)[0].run_id)
        copied = tmp_path / "copied"

        def has_second_epoch() -> bool:
            Segments(there.node.store, keys, 1).copy_to(copied)
            return any(isinstance(each, CheckpointWritten) and each.step == 8 for each in records_of(copied))

        await until(has_second_epoch)
        there.stand.kill_child()
        await until(lambda: there.node.codes)
        if job_is_gone:
            there.cluster.objects["jobs"].clear()
        there.stand.open(10)
        after = there.another("after")
        await after.order(some_dataset(after.store), delivery=2)
        assert [event.first_epoch for event in after.received(TrainingStarted)] == [1, 3]
        check_whole(after, weights_left_alone, attempts=2)


@BOTH
async def test_the_role_of_the_manifests_has_the_verbs_that_are_used_and_no_more(tmp_path: Path, launcher: str) -> None:
    if launcher == "kubeflow":
        patches = yaml.safe_load((COMPONENTS / "kubeflow/kustomization.yaml").read_text())["patches"]
        ((rules,),) = [yaml.safe_load(each["patch"]) for each in patches if each["target"]["kind"] == "Role"]
        granted = verbs_of(rules["value"])
    else:
        documents = yaml.safe_load_all((COMPONENTS / "jobs/account.yaml").read_text())
        (role,) = (each for each in documents if each["kind"] == "Role")
        # What runs of several pods need is seen to next door.
        granted = verbs_of(role["rules"]) - {("services", "create")}
    async with fleet(tmp_path, launcher=launcher) as there:
        running = await at_gate(there, 6)
        await there.stand.runs.drain(timeout_s=10)
        with pytest.raises(HandBack):
            await running
        after = there.another("after")
        going_on = asyncio.create_task(after.order(some_dataset(after.store), delivery=2))
        await until(lambda: [each for each in there.cluster.requests if each.startswith("POST")][1:])
        there.stand.kill_child()
        there.stand.open(6)
        await going_on
        assert after.published(TrainingCompleted)[0].attempts == 2
        assert there.cluster.verbs == granted


async def test_of_two_trainers_with_one_job_the_first_drops_out(tmp_path: Path, weights_left_alone: str) -> None:
    """The broker gave the order to another as the first was cut off; both follow the same Job."""
    async with fleet(tmp_path) as there:
        running = await at_gate(there, 6)
        after = there.another("after")
        going_on = asyncio.create_task(after.order(some_dataset(after.store), delivery=2))
        await running
        assert not there.stand.published(TrainingCompleted)
        there.stand.open(6)
        await going_on
        check_whole(after, weights_left_alone)
        assert there.node.pods == 1


async def test_a_run_is_cancelled_in_its_pod(tmp_path: Path) -> None:
    async with fleet(tmp_path) as there:
        running = await at_gate(there, 6)
        await there.stand.send(RunCancel(run_id=there.stand.published(TrainingStarted)[0].run_id, reason="no"))
        await running
        [cancelled] = there.stand.published(TrainingCancelled)
        assert (cancelled.step, cancelled.reason) == (5, "no")


async def test_a_run_that_was_paused_in_its_pod_goes_on_in_another(tmp_path: Path, weights_left_alone: str) -> None:
    async with fleet(tmp_path) as there:
        running = await at_gate(there, 6)
        run_id = there.stand.published(TrainingStarted)[0].run_id
        await there.stand.send(RunPause(run_id=run_id))
        await running
        assert there.stand.published(TrainingPaused)[0].step == 5, f"{there.node.pods} pods ran by then"
        there.stand.open(6)
        await there.stand.send(RunResume(run_id=run_id))
        await there.stand.order(some_dataset(there.stand.store))
        check_whole(there.stand, weights_left_alone, attempts=2)


@BOTH
async def test_a_job_that_runs_too_long_fails_its_run(tmp_path: Path, launcher: str) -> None:
    async with fleet(tmp_path, launcher=launcher) as there:
        running = await at_gate(there, 6)
        await there.cluster.exceed_deadline()
        await running
        [failed] = there.stand.published(TrainingFailed)
        assert (failed.code, failed.retryable) == ("deadline_exceeded", False)


async def test_a_run_that_waits_in_a_queue_is_not_taken_for_silent(tmp_path: Path, weights_left_alone: str) -> None:
    async with fleet(tmp_path, replace(OPTIONS, queue="cards"), stall_timeout_s=0.2) as there:
        running = asyncio.create_task(there.stand.order(some_dataset(there.stand.store)))
        await until(lambda: len([each for each in there.cluster.requests if each.endswith("/pods")]) > 0)
        await beats(there, 6)
        assert there.node.pods == 0
        # From here on silence would count, and a process needs its time to start.
        object.__setattr__(there.stand.limits, "stall_timeout_s", 60)
        await there.cluster.release()
        await running
        check_whole(there.stand, weights_left_alone)


@BOTH
async def test_a_run_that_is_cancelled_in_its_queue_takes_no_pod(tmp_path: Path, launcher: str) -> None:
    async with fleet(tmp_path, replace(OPTIONS, queue="cards"), launcher=launcher) as there:
        running = asyncio.create_task(there.stand.order(some_dataset(there.stand.store)))
        await until(there.cluster.submitted)
        run_id = there.cluster.job()["metadata"]["labels"]["truscore/run-id"]
        await there.stand.send(RunCancel(run_id=run_id, reason="no"))
        await running
        assert len(there.stand.published(TrainingCancelled)) == 1
        assert there.cluster.submitted() == {}
        assert there.node.pods == 0


async def beats(there: Fleet, count: int) -> None:
    """The service has shown so many signs of life of the attempt."""

    def beat() -> int:
        notes = [
            entry.uri
            for entry in there.stand.store.list("s3://truscore/runs/")
            if entry.uri.endswith("attempts/1.json")
        ]
        return json.loads(there.stand.store.get(notes[0], limit_bytes=10_000))["beat"] if notes else 0

    await until(lambda: beat() >= count)
