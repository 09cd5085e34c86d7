"""What starts the pods of the recorded cluster: the commands of their containers as processes of this machine."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from services.trainer.journal import Record, read_from
from tests.connected.trainer.trainer_harness import POLL_S, REPOSITORY, WAIT_S

WORKER = "services.trainer.worker.main"


@dataclass(kw_only=True)
class Kubelet:
    """Starts the command of a pod's container as a process of this machine, in folders for its volumes."""

    folder: Path
    secrets: dict[str, dict[str, str]]
    pods: list[Path] = field(default_factory=list)
    process: asyncio.subprocess.Process | None = None  # the first one of the newest pod
    processes: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)  # by the pod's index

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
        command = [_here(word) for word in container["command"]]
        process = self.process = self.processes[int(environment["JOB_COMPLETION_INDEX"])] = (
            await asyncio.create_subprocess_exec(
                *command, env=environment, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        )  # fmt: skip
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                lines.append(line.decode(errors="replace").rstrip("\n"))
            code = await process.wait()
        except asyncio.CancelledError:
            process.kill()  # its pod is gone
            raise
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


def _here(word: str) -> str:
    """A word of the command as it is on this machine, on which every pod has an address of the loopback network."""
    if word.endswith("{index}") or "{index}." in word:
        return "127.0.0.1{index}"
    return sys.executable if word == "python" else word


def _mounted(value: str, volumes: dict[str, Path]) -> str:
    """A path within the container as it is on this machine."""
    for mounted, place in volumes.items():
        if value == mounted or value.startswith(f"{mounted}/"):
            return str(place) + value.removeprefix(mounted)
    return value


def kubeconfig(folder: Path, port: int) -> Path:
    """Written there, for the recorded cluster's port."""
    path = folder / "kubeconfig.yaml"
    config = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "c", "user": {"token": "none"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c", "namespace": "truscore"}}],
    }
    path.write_text(yaml.safe_dump(config))
    return path
