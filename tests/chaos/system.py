"""The system as processes that are started again whenever they end: several of each service, a broker, a store."""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import psutil
from truscore.process.supervised import Started, start_process

from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.ports import free_ports
from deploy.local.servers.programs import REPOSITORY
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.servers.seaweedfs import SeaweedFS
from tests.connected.trainer.trainer_harness import QUIET, training_processes
from tests.small_disk import SmallDisk, small_disk

# Prefix of its variables, by package.
SERVICES: Mapping[str, str] = MappingProxyType(
    {
        "dataset_validator": "TRUSCORE_VALIDATOR",
        "trainer": "TRUSCORE_TRAINER",
        "exporter": "TRUSCORE_EXPORTER",
        "monitor": "TRUSCORE_MONITOR",
    }
)
WORKING = ("dataset_validator", "trainer", "exporter")  # those that write to a disk of their own
STORE, BROKER = "seaweedfs", "rabbitmq"  # their folders, and the names of their disks
# Sizes are bounds, not what is taken: pages are taken as they are written.
DISK_BYTES: Mapping[str, int] = MappingProxyType({STORE: 16 << 30, BROKER: 4 << 30})
SERVICE_DISK_BYTES = 1 << 30
LEAST_PAUSE_S, MOST_PAUSE_S = 0.0, 3.0
DRAIN_S = 60.0


@dataclass(kw_only=True, slots=True)
class Instance:
    """One process of a service; ``starts`` counts how often it was started."""

    name: str
    package: str
    environment: Mapping[str, str]
    log_path: Path
    process: Started | None = None
    starts: int = 0
    spared: bool = False  # no fault is for it: its memory is measured over the whole trial

    def start(self) -> None:
        argv = [sys.executable, "-m", f"services.{self.package}"]
        self.process = start_process(
            self.name, argv, log_path=self.log_path, env=dict(self.environment), cwd=REPOSITORY
        )
        self.starts += 1

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.running:
            with suppress(ProcessLookupError):
                self.process.signal(number)

    def memory_bytes(self) -> int:
        """What the service itself holds, without the files that are mapped into it and may be dropped at any time, and
        without its children. 0 where it is not there."""
        with suppress(OSError, StopIteration):
            if self.process is not None and self.process.running:
                lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
                line = next(line for line in lines if line.startswith("RssAnon:"))
                return int(line.split()[1]) * 1024
        return 0


@dataclass(kw_only=True, slots=True)
class System:
    broker: RabbitMQ
    store: SeaweedFS
    instances: list[Instance]
    random: random.Random
    workdir: Path
    disks: Mapping[str, SmallDisk] = field(default_factory=dict)  # by instance; empty where none may be mounted
    closing: bool = False
    memory: dict[str, list[int]] = field(default_factory=dict)  # bytes, by instance and start
    kills: Counter[str] = field(default_factory=Counter)  # of training processes, by the folder of their run

    async def keep_alive(self) -> None:
        """Start again what has ended, a moment later, as an orchestrator does."""
        while not self.closing:
            for instance in self.instances:
                if instance.process is None or not instance.process.running:
                    await asyncio.sleep(self.random.uniform(LEAST_PAUSE_S, MOST_PAUSE_S))
                    instance.start()
            await asyncio.sleep(0.2)

    async def measure(self, every_s: float) -> None:
        while not self.closing:
            for instance in self.instances:
                self.memory.setdefault(f"{instance.name}#{instance.starts}", []).append(instance.memory_bytes())
            await asyncio.sleep(every_s)

    def training_processes(self) -> dict[psutil.Process, Path]:
        """Those that train, each with the folder of its attempt."""
        return training_processes(self.workdir)

    def stop(self) -> None:
        self.closing = True
        for instance in self.instances:
            instance.signal(signal.SIGCONT)
            instance.signal(signal.SIGTERM)
        for instance in self.instances:
            if instance.process is not None:
                instance.process.terminate(DRAIN_S)


def names_of(counts: Mapping[str, int]) -> dict[str, str]:
    """Package by instance."""
    return {f"{package}-{number}": package for package in SERVICES for number in range(1, counts[package] + 1)}


@contextmanager
def disks_of(folder: Path, counts: Mapping[str, int]) -> Iterator[dict[str, SmallDisk]]:
    """A disk of its own for each working service, the broker and the store, mounted in the folder."""
    places = {name: folder / "work" / name for name, package in names_of(counts).items() if package in WORKING}
    places |= {name: folder / name for name in DISK_BYTES}
    with ExitStack() as mounted:
        yield {
            name: mounted.enter_context(small_disk(place, DISK_BYTES.get(name, SERVICE_DISK_BYTES)))
            for name, place in places.items()
        }


@contextmanager
def system_of(
    folder: Path,
    broker: RabbitMQ,
    store: SeaweedFS,
    *,
    counts: Mapping[str, int],
    disks: Mapping[str, SmallDisk],
    amqp_url: str,
    s3: ObjectServer,
    bucket: str,
    seed: int,
) -> Iterator[System]:
    """All services, begun; ended with the block. Of each of which there are several, the first is spared."""
    shared = {
        **os.environ,
        **QUIET,
        "TRUSCORE_GRPC_ANONYMOUS_ROLE": "admin",
        "TRUSCORE_AMQP_URL": amqp_url,
        "TRUSCORE_S3_ENDPOINT": s3.endpoint,
        "TRUSCORE_S3_ACCESS_KEY": s3.access_key,
        "TRUSCORE_S3_SECRET_KEY": s3.secret_key,
        "TRUSCORE_BUCKET": bucket,
        "TRUSCORE_LOG_JSON": "false",
        "TRUSCORE_TRAINER_MIN_FREE_BYTES": "0",
        "TRUSCORE_TRAINER_BEAT_S": "0.5",
        "TRUSCORE_TRAINER_RESTART_PAUSE_S": "0.1",
        "TRUSCORE_TRAINER_PROFILE": "small",
        # Processes in waiting would be started anew after each fault: most of the cores' time would go in imports.
        "TRUSCORE_TRAINER_STANDBY": "false",
        "TRUSCORE_EXPORTER_PREPARED_CHILD": "false",
        # How fast a model is, and how well it does, is measured elsewhere.
        "TRUSCORE_EXPORTER_BENCHMARK_ROUNDS": "1",
        "TRUSCORE_EXPORTER_PARITY_IMAGES": "1",
        "TRUSCORE_EXPORTER_METRIC_IMAGES": "0",
        # As many runs as trainers: more at once would only wait for one another.
        "TRUSCORE_TRAINER_SLOTS": "1",
    }
    instances = []
    for name, package in names_of(counts).items():
        grpc_port, metrics_port = free_ports(2)
        prefix = SERVICES[package]
        own = {
            f"{prefix}_GRPC_PORT": str(grpc_port),
            f"{prefix}_METRICS_PORT": str(metrics_port),
            f"{prefix}_WORKDIR": str(folder / "work" / name),
        }
        instance = Instance(
            name=name, package=package, environment=shared | own, log_path=folder / "logs" / f"{name}.log",
            spared=name.endswith("-1") and counts[package] > 1,
        )  # fmt: skip
        instances.append(instance)
    system = System(
        broker=broker, store=store, instances=instances, random=random.Random(seed), workdir=folder / "work",
        disks=disks,
    )  # fmt: skip
    try:
        for instance in instances:
            instance.start()
        yield system
    finally:
        system.stop()
