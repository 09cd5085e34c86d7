"""Attempts of several pods: the first one leads, any of them may be lost, and the run is that of one pod."""

import asyncio
from dataclasses import replace
from pathlib import Path

from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.training_pb2 import TrainingProgressed
from truscore.storage import Store

from services.trainer.journal import Cancelled, Failed, Paused
from services.trainer.launchers.kubernetes.nodes import Nodes
from services.trainer.pod.exit_codes import DRAINED
from services.trainer.pod.folder import is_final, is_over
from services.trainer.pod.group import PodGroup
from tests.unit.trainer.kubernetes.node import OPTIONS, Fleet, fleet
from tests.unit.trainer.kubernetes.test_kubernetes_attempts import BOTH, beats, check_whole, weights_left_alone
from tests.unit.trainer.service.stand import some_dataset, until

__all__ = ["weights_left_alone"]
TWO = replace(OPTIONS, nodes=Nodes(least=2, most=2))


def shared_order(store: Store) -> DatasetValidated:
    """Of a run whose processes may be several."""
    order = some_dataset(store)
    order.training.architecture = "mask_rcnn"
    order.training.config.architecture_config.multi_gpu_support = True
    order.training.config.hyperparameters.optimization.batch_size = 4
    return order


async def both_there(there: Fleet) -> "asyncio.Task[None]":
    """A run under way in two pods, in the middle of an epoch."""
    there.stand.gate(6)
    running = asyncio.create_task(there.stand.order(shared_order(there.stand.store)))
    await there.stand.at_gate(6)
    await until(lambda: 5 in [event.step for event in there.stand.published(TrainingProgressed)])
    await until(lambda: 1 in there.node.drains)
    return running


@BOTH
async def test_a_run_of_two_pods_is_that_of_one(tmp_path: Path, launcher: str, weights_left_alone: str) -> None:
    async with fleet(tmp_path, TWO, launcher=launcher) as there:
        running = await both_there(there)
        services = list(there.cluster.objects["services"].values())
        # A JobSet brings its own.
        assert len(services) == (1 if launcher == "kubernetes" else 0)
        (name,) = there.cluster.submitted()
        there.stand.open(6)
        await running
        check_whole(there.stand, weights_left_alone)
        assert sorted(there.node.indexes) == [0, 1]
        assert {pod["spec"]["subdomain"] for pod in there.cluster.pods()} == {name}


async def test_the_account_may_make_the_service_of_several_pods(tmp_path: Path) -> None:
    async with fleet(tmp_path, TWO) as there:
        await there.stand.order(shared_order(there.stand.store))
        assert ("services", "create") in there.cluster.verbs
        (service,) = there.cluster.objects["services"].values()
        assert service["metadata"]["ownerReferences"][0]["uid"] == there.cluster.job()["metadata"]["uid"]


@BOTH
async def test_a_pod_beside_the_first_is_replaced_within_the_attempt(
    tmp_path: Path, launcher: str, weights_left_alone: str
) -> None:
    async with fleet(tmp_path, TWO, launcher=launcher) as there:
        running = await both_there(there)
        await there.cluster.disrupt("EvictionByEvictionAPI", drain=lambda: there.node.drain(1), index=1)
        await until(lambda: there.node.indexes.count(1) == 2)
        there.stand.open(6)
        await running
        check_whole(there.stand, weights_left_alone)
        assert there.node.codes[0] == (1, DRAINED)


async def test_when_the_first_pod_is_lost_another_first_one_goes_on(tmp_path: Path, weights_left_alone: str) -> None:
    async with fleet(tmp_path, TWO) as there:
        running = await both_there(there)
        await there.cluster.disrupt("DeletionByTaintManager")
        await until(lambda: there.node.indexes.count(0) == 2)
        there.stand.open(6)
        await running
        check_whole(there.stand, weights_left_alone)


async def test_a_pod_that_waits_for_a_second_is_not_taken_for_silent(tmp_path: Path, weights_left_alone: str) -> None:
    async with fleet(tmp_path, TWO, stall_timeout_s=0.2) as there:
        there.cluster.room = 1
        there.stand.gate(1)
        running = asyncio.create_task(there.stand.order(shared_order(there.stand.store)))
        await there.stand.at_gate(1)
        await beats(there, 6)
        # From here on silence would count, and a process needs its time to start.
        object.__setattr__(there.stand.limits, "stall_timeout_s", 60)
        await there.cluster.make_room()
        there.stand.open(1)
        await running
        check_whole(there.stand, weights_left_alone)
        assert sorted(there.node.indexes) == [0, 1]


def test_pods_meet_at_the_first_one_whose_address_comes_first() -> None:
    groups = [PodGroup(nodes="2:12", address="run-1-{index}.run-1", index=index) for index in range(12)]
    meeting = [group.rendezvous("run-1") for group in groups]
    assert {each.endpoint for each in meeting} == {"run-1-0.run-1:29400"}
    assert [each.is_host for each in meeting] == [True, *[False] * 11]
    # torchrun gives ranks in the order of the addresses, as text.
    assert min(each.own_address for each in meeting) == meeting[0].own_address


def test_what_torchrun_may_begin_anew_is_no_end_to_a_pod_beside_the_first() -> None:
    failed = Failed(code="internal", message="a peer is gone", retryable=True, epoch=1)
    drained = Paused(reason="drain", step=1, epoch=1, path="", sha256="", size_bytes=0)
    assert [is_final(each) for each in (failed, drained, Cancelled(step=1, epoch=1))] == [True, False, True]
    assert [is_over(each) for each in (failed, drained, Cancelled(step=1, epoch=1))] == [False, False, True]
