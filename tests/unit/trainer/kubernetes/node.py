"""A trainer whose attempts are Jobs of a small cluster: its nodes run the pod's own code in this process."""

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from lightkube import AsyncClient
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import Cluster as ApiServer
from lightkube.config.models import User
from truscore.storage import Cache, MemoryStore

from services.trainer.inputs.workspace import Workspace
from services.trainer.launchers.kubernetes.job_spec import JobOptions
from services.trainer.launchers.kubernetes.launcher import KubernetesLauncher
from services.trainer.plan import Plan
from services.trainer.pod.training import PodDeps, train
from services.trainer.runs.attempt import Limits
from tests.unit.trainer.kubernetes.cluster import Cluster
from tests.unit.trainer.service.stand import BUCKET, CHILD, Stand

OPTIONS = JobOptions(image="truscore/trainer:0.1.0", secret="truscore-training-run")


@dataclass(kw_only=True)
class Node:
    """Runs pods. Each has a disk of its own, and sees nothing of the service but the store."""

    folder: Path
    gates: Path
    store: MemoryStore
    pods: int = 0
    drain: Callable[[], None] = field(default=lambda: None)

    async def run(self, pod: dict[str, Any], lines: list[str]) -> int:
        command = pod["spec"]["containers"][0]["command"]
        run_id, number = command[command.index("--run-id") + 1], int(command[command.index("--attempt") + 1])
        self.pods += 1
        workspace = Workspace(
            store=self.store, workdir=self.folder / str(self.pods), bucket=BUCKET, min_free_bytes=0, kept_runs=1,
            cache=Cache(self.folder / "cache", 1 << 20), git_commit="abc", source=None,
        )  # fmt: skip
        workspace.workdir.mkdir(parents=True)
        deps = PodDeps(
            store=self.store, workspace=workspace, command=self._command, environment=dict(os.environ), beat_s=0.05,
            store_retry_for_s=10, on_terminate=lambda drain: setattr(self, "drain", drain),
        )  # fmt: skip
        lines.append(f"pod {self.pods}")
        return await train(deps, run_id, number)

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
async def fleet(tmp_path: Path, options: JobOptions = OPTIONS, *, stall_timeout_s: float = 60) -> AsyncIterator[Fleet]:
    store, gates = MemoryStore(), tmp_path / "gates"
    node = Node(folder=tmp_path / "node", gates=gates, store=store)
    async with Cluster(runs=node.run).serving() as cluster:
        config = KubeConfig.from_one(
            cluster=ApiServer(server=f"http://127.0.0.1:{cluster.port}"), user=User(token="none"), namespace="truscore"
        )
        client = AsyncClient(config, timeout=httpx2.Timeout(10), trust_env=False)
        launcher = KubernetesLauncher(client=client, options=options, store=store, bucket=BUCKET, retry_for_s=10)
        limits = Limits(beat_s=0.1, stop_timeout_s=20, stall_timeout_s=stall_timeout_s, store_retry_for_s=10)
        yield Fleet(
            cluster=cluster, node=node,
            stand=Stand(folder=tmp_path / "here", gates=gates, store=store, launcher=launcher, limits=limits),
        )  # fmt: skip
        await client.close()
