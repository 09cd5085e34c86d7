"""A run as a Job, by real processes: the service, the pod's command as its Job has it, broker and store."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    TrainingCompleted,
    TrainingProgressed,
    TrainingStarted,
)
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from services.trainer.journal import EpochDone, Progressed
from tests.connected.trainer.kubelet import Kubelet, kubeconfig
from tests.connected.trainer.trainer_harness import (
    POLL_S,
    WAIT_S,
    event_listener,
    service_environment,
    small_order,
    trainer_process,
    weights_left_alone,
)
from tests.unit.trainer.kubernetes.cluster import Cluster

pytestmark = [pytest.mark.connected, pytest.mark.chaos, pytest.mark.timeout(600)]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110  a process sets no event
            await asyncio.sleep(POLL_S)


async def test_a_run_in_a_cluster_outlives_kills_of_service_and_pod_with_the_same_weights(
    amqp_url: str, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    keys = {"truscore_s3_access_key": s3.access_key, "truscore_s3_secret_key": s3.secret_key}
    kubelet = Kubelet(folder=tmp_path / "node", secrets={"truscore-training-run": keys})
    async with Cluster(runs=kubelet.run).serving() as cluster, event_listener(amqp_url) as listener:
        environment = service_environment(amqp_url, s3, bucket) | {
            "TRUSCORE_TRAINER_LAUNCHER": "kubernetes",
            "TRUSCORE_TRAINER_KUBERNETES_IMAGE": "truscore/trainer:0.1.0",
            "TRUSCORE_TRAINER_KUBERNETES_CONFIG": str(kubeconfig(tmp_path, cluster.port)),
            "TRUSCORE_TRAINER_KUBERNETES_CPU": "1",
        }
        with trainer_process(tmp_path / "service", environment) as trainer:
            await listener.order(small_order(store, bucket, tmp_path / "cards"))
            await kubelet.wait_for(lambda record: isinstance(record, Progressed))
            trainer.kill()
            trainer.start()
            # Its successor asks for the same Job, and is told that it is there.
            await until(lambda: len([each for each in cluster.requests if each.startswith("POST")]) == 2)
            assert len(kubelet.pods) == 1
            kubelet.worker().resume()
            await kubelet.wait_for(lambda record: isinstance(record, EpochDone))
            kubelet.kill()
            [completed] = await listener.receive(TrainingCompleted)
            assert trainer.children() == [], "the service trains nothing itself"
        assert completed.weights_sha256 == weights_left_alone()
        assert completed.attempts == len(kubelet.pods) == 2
        assert [event.epoch for event in listener.of(EpochCompleted)] == [1, 2, 3]
        assert sorted(event.step for event in listener.of(TrainingProgressed)) == list(range(1, 13))
        assert [event.attempt for event in listener.of(TrainingStarted)] == [1, 2]
        store.get_file(completed.best_checkpoint.uri, tmp_path / "best.pt", sha256=completed.best_checkpoint.sha256)
        sent = [str(each) for each in cluster.objects["jobs"].values()]
        assert not any(s3.secret_key in each or s3.access_key in each for each in sent), "a Job holds no secret"


async def test_a_run_over_two_pods_outlives_the_eviction_of_one_of_them(
    amqp_url: str, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    keys = {"truscore_s3_access_key": s3.access_key, "truscore_s3_secret_key": s3.secret_key}
    kubelet = Kubelet(folder=tmp_path / "node", secrets={"truscore-training-run": keys})
    order = small_order(store, bucket, tmp_path / "cards")
    order.training.config.architecture_config.multi_gpu_support = True
    async with Cluster(runs=kubelet.run).serving() as cluster, event_listener(amqp_url) as listener:
        environment = service_environment(amqp_url, s3, bucket) | {
            "TRUSCORE_TRAINER_LAUNCHER": "kubeflow",
            "TRUSCORE_TRAINER_KUBERNETES_IMAGE": "truscore/trainer:0.1.0",
            "TRUSCORE_TRAINER_KUBERNETES_CONFIG": str(kubeconfig(tmp_path, cluster.port)),
            "TRUSCORE_TRAINER_KUBERNETES_NODES": "2",
        }
        with trainer_process(tmp_path / "service", environment):
            await listener.order(order)
            await listener.receive(EpochCompleted)
            await cluster.disrupt("EvictionByEvictionAPI", drain=kubelet.processes[1].terminate, index=1)
            [completed] = await listener.receive(TrainingCompleted)
            # Kubeflow would keep it for good.
            await until(lambda: not cluster.submitted())
        assert completed.attempts == 1
        assert len(kubelet.pods) == 3
        started = listener.of(TrainingStarted)
        assert {event.world_size for event in started} == {2}
        assert [event.epoch for event in listener.of(EpochCompleted)] == [1, 2, 3]
        assert {event.step for event in listener.of(TrainingProgressed)} == set(range(1, 13))
