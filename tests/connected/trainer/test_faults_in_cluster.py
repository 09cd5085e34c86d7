"""As `test_faults_of_one_run`, with the run in pods of the recorded cluster, whose disks go with them."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    TrainingCompleted,
    TrainingProgressed,
    TrainingStarted,
)
from truscore.storage import S3Store

from deploy.local.servers.seaweedfs import SeaweedFS
from services.trainer.journal import EpochDone, Record, records_of
from tests.conftest import PrivateBroker
from tests.connected.trainer.kubelet import Kubelet, kubeconfig
from tests.connected.trainer.test_faults_of_one_run import (
    BUCKET,
    EPOCHS,
    KILLS,
    STEPS,
    Killer,
    journals,
    server,
    steps_lost,
    until,
)
from tests.connected.trainer.trainer_harness import (
    event_listener,
    service_environment,
    small_order,
    trainer_process,
    weights_left_alone,
)
from tests.unit.trainer.kubernetes.cluster import Cluster

__all__ = ["server"]
pytestmark = [pytest.mark.connected, pytest.mark.chaos, pytest.mark.timeout(1800)]


@dataclass(kw_only=True)
class PodKiller(Killer):
    """Kills pods in place of child processes. A service that ends takes none with it."""

    kubelet: Kubelet

    async def end_process(self) -> None:
        """Once the store has what was trained while it was away: that is lost with the pod's disk."""
        await asyncio.gather(*self.coming_back)
        trained = _newest_epoch(self.journals())
        await until(lambda: _newest_epoch(journals(self.trainer)) >= trained)
        pods = len(self.kubelet.pods)
        self.kubelet.kill()
        await until(lambda: len(self.kubelet.pods) > pods)

    async def end_service(self) -> None:
        await asyncio.to_thread(self.trainer.kill)
        self.trainer.start()

    def journals(self) -> list[list[Record]]:
        """What was trained in each pod, whether the service came to know of it or not."""
        return [list(records_of(_own_journal(pod))) for pod in self.kubelet.pods]


def _own_journal(pod: Path) -> Path:
    """Beside it there is that of the attempt before, which was fetched."""
    found = {int(path.parent.name.removeprefix("attempt-")): path for path in pod.rglob("journal.jsonl")}
    return found[max(found)] if found else pod / "journal.jsonl"


def _newest_epoch(attempts: Sequence[Sequence[Record]]) -> int:
    return max((record.epoch for records in attempts for record in records if isinstance(record, EpochDone)), default=0)


PARTS: Sequence[Callable[[PodKiller], Awaitable[None]]] = (
    PodKiller.end_process,
    PodKiller.end_service,
    PodKiller.end_broker,
    PodKiller.end_store,
)


async def test_thirty_kills_of_a_run_in_pods_cost_no_epoch_no_event_and_no_bit(
    private_broker: PrivateBroker, server: SeaweedFS, tmp_path: Path
) -> None:
    draw = random.Random(15)
    store = S3Store(server.reach.endpoint, server.reach.access_key, server.reach.secret_key)
    keys = {"truscore_s3_access_key": server.reach.access_key, "truscore_s3_secret_key": server.reach.secret_key}
    kubelet = Kubelet(folder=tmp_path / "node", secrets={"truscore-training-run": keys})
    async with Cluster(runs=kubelet.run).serving() as cluster, event_listener(private_broker.amqp_url) as listener:
        environment = service_environment(private_broker.amqp_url, server.reach, BUCKET) | {
            "TRUSCORE_TRAINER_LAUNCHER": "kubernetes",
            "TRUSCORE_TRAINER_KUBERNETES_IMAGE": "truscore/trainer:0.1.0",
            "TRUSCORE_TRAINER_KUBERNETES_CONFIG": str(kubeconfig(tmp_path, cluster.port)),
            "TRUSCORE_TRAINER_KUBERNETES_CPU": "1",
        }
        with trainer_process(tmp_path / "service", environment) as trainer:
            await listener.order(small_order(store, BUCKET, tmp_path / "cards", epochs=EPOCHS))
            await listener.receive(TrainingStarted)
            await asyncio.to_thread(private_broker.settle)
            killer = PodKiller(trainer=trainer, broker=private_broker, server=server, draw=draw, kubelet=kubelet)
            for number in range(KILLS):
                assert listener.of(TrainingCompleted) == [], f"the run was over after {number} kills"
                await killer.kill(PARTS[number % len(PARTS)])
            await asyncio.gather(*killer.coming_back)
            async with asyncio.timeout(1200):
                while not listener.of(TrainingCompleted):  # noqa: ASYNC110  longer than the listener waits
                    await asyncio.sleep(1)
            [completed] = listener.of(TrainingCompleted)
            lost = steps_lost(killer.journals())
            print(f"{KILLS} kills, {completed.attempts} attempts, steps taken once more: {lost}")  # noqa: T201
            assert trainer.children() == [], "the service trains nothing itself"
            assert completed.weights_sha256 == await asyncio.to_thread(weights_left_alone, EPOCHS)
            assert completed.attempts == len(kubelet.pods)
            assert [event.epoch for event in listener.of(EpochCompleted)] == list(range(1, EPOCHS + 1))
            assert sorted(event.step for event in listener.of(TrainingProgressed)) == list(range(1, EPOCHS * STEPS + 1))
            assert [each.attempt for each in listener.of(TrainingStarted)] == list(range(1, completed.attempts + 1))
            # One interval, and what was trained while the newest checkpoint was on its way.
            assert max(lost) <= 2 * STEPS, f"more than the checkpoint on its way was trained once more: {lost}"
