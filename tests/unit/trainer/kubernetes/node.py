"""A trainer whose attempts are Jobs of a small cluster: its nodes run the pod's own code in this process."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from lightkube import AsyncClient
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import Cluster as ApiServer
from lightkube.config.models import User
from truscore.process.code_version import CodeVersion
from truscore.storage import Cache, MemoryStore

from deploy.local.servers.ports import free_ports
from services.trainer.inputs.workspace import Workspace
from services.trainer.launchers.kubernetes.job_spec import JobWorkload
from services.trainer.launchers.kubernetes.launcher import KubernetesLauncher
from services.trainer.launchers.kubernetes.pod_spec import JobOptions
from services.trainer.launchers.kubernetes.train_job import TrainJobWorkload
from services.trainer.plan import Plan
from services.trainer.pod.group import PodGroup
from services.trainer.pod.training import PodDeps, train
from services.trainer.runs.attempt import Limits
from tests.unit.trainer.kubernetes.cluster import Cluster
from tests.unit.trainer.service.stand import BUCKET, CHILD, Stand

CODE = CodeVersion(git_commit="abc", git_dirty=True, environment_digest="e" * 64)
OPTIONS = JobOptions(image="truscore/trainer:0.1.0", secret="truscore-training-run")
WORKLOADS = {"kubernetes": JobWorkload, "kubeflow": TrainJobWorkload}
# What the pods beside the first one run: it trains nothing, and ends when it is ended.
IDLE = "import time; time.sleep(600)"


@dataclass(kw_only=True)
class Node:
    """Runs pods. Each has a disk of its own, and sees nothing of the service but the store."""

    folder: Path
    gates: Path
    store: MemoryStore
    pods: int = 0
    indexes: list[int] = field(default_factory=list)  # of all pods, in the order of their starts
    codes: list[tuple[int, int]] = field(default_factory=list)  # index and exit code of those that ended by themselves
    drains: dict[int, Callable[[], None]] = field(default_factory=dict)  # by index
    port: int = 0  # of the group's rendezvous, which is there while the first pod runs

    def drain(self, index: int = 0) -> None:
        """SIGTERM to the pod of that number."""
        self.drains[index]()

    async def run(self, pod: dict[str, Any], lines: list[str]) -> int:
        (container,) = pod["spec"]["containers"]
        command = container["command"]
        run_id, number = command[command.index("--run-id") + 1], int(command[command.index("--attempt") + 1])
        self.pods += 1
        index = next(int(each["value"]) for each in container["env"] if each["name"] == "JOB_COMPLETION_INDEX")
        self.indexes.append(index)
        group = self._group(command, index) if "--nodes" in command else None
        workspace = Workspace(
            store=self.store, workdir=self.folder / str(self.pods), bucket=BUCKET, min_free_bytes=0, kept_runs=1,
            cache=Cache(self.folder / "cache", 1 << 20), code=CODE, source=None, elastic=group is not None,
        )  # fmt: skip
        workspace.workdir.mkdir(parents=True)
        deps = PodDeps(
            store=self.store, workspace=workspace, command=self._idle if index else self._command,
            environment=dict(os.environ), beat_s=0.05, store_retry_for_s=10, group=group,
            on_terminate=lambda drain: self.drains.__setitem__(index, drain),
        )  # fmt: skip
        lines.append(f"pod {self.pods}")
        async with self._rendezvous() if group and group.leads else nullcontext():
            code = await train(deps, run_id, number)
        self.codes.append((index, code))
        return code

    def _group(self, command: list[str], index: int) -> PodGroup:
        """As the pod's own command line says it, but for the name, which nobody here resolves."""
        nodes, address = (command[command.index(name) + 1] for name in ("--nodes", "--address"))
        assert "{index}" in address
        if not self.port:
            (self.port,) = free_ports(1)
        return PodGroup(nodes=nodes, address="127.0.0.1", index=index, port=self.port)

    @asynccontextmanager
    async def _rendezvous(self) -> AsyncIterator[None]:
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", self.port):
            yield

    def _idle(self, plan: Plan, folder: Path) -> list[str]:
        return [sys.executable, "-c", IDLE]

    def _command(self, plan: Plan, folder: Path) -> list[str]:
        return [sys.executable, str(CHILD), "--run-dir", str(folder), "--gates", str(self.gates)]


@dataclass(kw_only=True)
class Fleet:
    """A cluster with a trainer beside it."""

    cluster: Cluster
    node: Node
    stand: Stand

    def another(self, name: str) -> Stand:
        """The trainer that comes after this one, on another machine."""
        return self.stand.another(name)


@asynccontextmanager
async def fleet(
    tmp_path: Path, options: JobOptions = OPTIONS, *, launcher: str = "kubernetes", stall_timeout_s: float = 60
) -> AsyncIterator[Fleet]:
    """``launcher`` as the setting has it."""
    store, gates = MemoryStore(), tmp_path / "gates"
    node = Node(folder=tmp_path / "node", gates=gates, store=store)
    async with Cluster(runs=node.run).serving() as cluster:
        config = KubeConfig.from_one(
            cluster=ApiServer(server=f"http://127.0.0.1:{cluster.port}"), user=User(token="none"), namespace="truscore"
        )
        client = AsyncClient(config, timeout=httpx2.Timeout(10), trust_env=False)
        workload = WORKLOADS[launcher](options=options)
        submitter = KubernetesLauncher(
            client=client, options=options, workload=workload, store=store, bucket=BUCKET, retry_for_s=10
        )
        limits = Limits(beat_s=0.1, stop_timeout_s=20, stall_timeout_s=stall_timeout_s, store_retry_for_s=10)
        yield Fleet(
            cluster=cluster, node=node,
            stand=Stand(folder=tmp_path / "here", gates=gates, store=store, launcher=submitter, limits=limits),
        )  # fmt: skip
        await client.close()
