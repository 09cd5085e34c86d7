"""A run as a Job, by real processes: the service, the pod's command as its Job has it, broker and store."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    TrainingCompleted,
    TrainingProgressed,
    TrainingStarted,
)
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from services.trainer.journal import EpochDone, Progressed, Record, read_from
from tests.connected.trainer.trainer_harness import (
    POLL_S,
    REPOSITORY,
    WAIT_S,
    event_listener,
    service_environment,
    small_order,
    trainer_process,
    weights_left_alone,
)
from tests.unit.trainer.kubernetes.cluster import Cluster

pytestmark = [pytest.mark.connected, pytest.mark.chaos, pytest.mark.timeout(600)]
WORKER = "services.trainer.worker.main"


@dataclass(kw_only=True)
class Kubelet:
    """Starts the command of a pod's container as a process of this machine, in folders for its volumes."""

    folder: Path
    secrets: dict[str, dict[str, str]]
    pods: list[Path] = field(default_factory=list)
    process: asyncio.subprocess.Process | None = None

    async def run(self, pod: dict[str, Any], lines: list[str]) -> int:
        (container,) = pod["spec"]["containers"]
        disk = self.folder / pod["metadata"]["name"]
        volumes = {each["mountPath"]: disk / each["name"] for each in container["volumeMounts"]}
        for place in volumes.values():
            place.mkdir(parents=True)
        for volume in pod["spec"]["volumes"]:
            for key, value in self.secrets[volume["secret"]["secretName"]].items() if "secret" in volume else ():
                (disk / volume["name"] / key).write_text(value)
        self.pods.append(disk)
        environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
        for each in container["env"]:
            environment[each["name"]] = _mounted(str(each["value"]), volumes)
        command = [sys.executable if word == "python" else word for word in container["command"]]
        self.process = await asyncio.create_subprocess_exec(
            *command, env=environment, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            lines.append(line.decode(errors="replace").rstrip("\n"))
        code = await self.process.wait()
        return 128 - code if code < 0 else code

    async def wait_for(self, holds: Callable[[Record], bool]) -> None:
        """Hold the training process as soon as the newest pod's journal has such a record."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for path in self.pods[-1].rglob("journal.jsonl") if self.pods else ():
                    if any(holds(record) for record in read_from(path, 0)[0]):
                        self.worker().suspend()
                        return
                await asyncio.sleep(POLL_S)

    def worker(self) -> psutil.Process:
        assert self.process is not None
        family = psutil.Process(self.process.pid).children(recursive=True)
        return next(each for each in family if WORKER in each.cmdline())

    def kill(self) -> None:
        """SIGKILL to the first process of the container; its children die with it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)


def _mounted(value: str, volumes: dict[str, Path]) -> str:
    """A path within the container as it is on this machine."""
    for mounted, place in volumes.items():
        if value == mounted or value.startswith(f"{mounted}/"):
            return str(place) + value.removeprefix(mounted)
    return value


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110  a process sets no event
            await asyncio.sleep(POLL_S)


def kubeconfig(folder: Path, port: int) -> Path:
    path = folder / "kubeconfig.yaml"
    config = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "c", "user": {"token": "none"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c", "namespace": "truscore"}}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


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
