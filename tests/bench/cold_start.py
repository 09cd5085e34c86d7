"""How long a run takes from its order to its first optimizer step: ``python -m tests.bench.cold_start``.

Two trainers on one private broker and store, one with a standby process and one without, take the same orders in turn;
images are in their caches by then. Phases, in seconds: from ``dataset.validated`` until the folder of the attempt is
laid out, until the run is built (start of the process, imports, network), and until the first step is done. Prints
JSON: median, least and most of each phase, and the memory of the process that waits.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import psutil
from truscore.events.v1.control_pb2 import RunCancel
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.training_pb2 import TrainingCancelled, TrainingStarted
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.programs import ready_rabbitmq
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.servers.seaweedfs import SeaweedFS, find_weed
from deploy.local.settings import LocalSettings
from services.trainer.journal import Progressed, Record, Started, read_from
from tests.connected.trainer.trainer_harness import (
    EventListener,
    Trainer,
    event_listener,
    service_environment,
    small_order,
    trainer_process,
)

T = TypeVar("T")
BUCKET = "truscore"
TARGET_S = 4.0
DEADLINE_S = 180.0
POLL_S = 0.002
PHASES = ("laid out", "run built", "first step")


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """A trainer of its own, and who orders of it."""

    trainer: Trainer
    listener: EventListener
    standby: bool
    order: DatasetValidated

    async def begin(self, number: int) -> list[float]:
        """Seconds of each phase of one run, which is cancelled after its first step."""
        await self.ready(number)
        order = DatasetValidated.FromString(self.order.SerializeToString())
        # Both sides share the store: a request of the other's would have been answered.
        order.request_id = f"round {number}, {self.standby}"
        known = set(self.attempts())
        began = time.monotonic()
        await self.listener.order(order, sequence=str(number))
        folder = await until(lambda: next(iter(set(self.attempts()) - known), None))
        marks = [time.monotonic() - began]
        for kind in (Started, Progressed):
            await until(partial(recorded, folder / "journal.jsonl", kind))
            marks.append(time.monotonic() - began)
        started = (await self.listener.receive(TrainingStarted, number))[-1]
        await self.listener.publish_request(RunCancel(run_id=started.run_id, request_id=str(number)))
        await self.listener.receive(TrainingCancelled, number)
        return [after - before for before, after in zip([0.0, *marks], marks, strict=False)]

    def attempts(self) -> list[Path]:
        return [path.parent for path in self.trainer.workdir.glob("runs/*/attempt-*/order.json")]

    async def ready(self, number: int) -> None:
        """Wait for the process of this round, as whoever orders now and then finds it."""
        if self.standby:
            await self.trainer.standby(number=number)

    def memory(self) -> Mapping[str, float]:
        """Of the process that waits, in MB: all that it maps, and what it shares with nobody."""
        assert self.trainer.process is not None
        for process in psutil.Process(self.trainer.process.pid).children(recursive=True):
            if "services.trainer.worker.standby" in process.cmdline():
                held = process.memory_full_info()
                return {"resident_mb": round(held.rss / 1e6), "own_mb": round(held.uss / 1e6)}
        return {}


def recorded(journal: Path, kind: type[Record]) -> bool:
    return journal.exists() and any(isinstance(record, kind) for record in read_from(journal, 0)[0])


async def until(found: Callable[[], T | None]) -> T:
    async with asyncio.timeout(DEADLINE_S):
        while not (value := found()):  # noqa: ASYNC110  a process and a disk set no event
            await asyncio.sleep(POLL_S)
        return value


def main(arguments: Sequence[str] | None = None) -> int:
    """1 where the median with a standby process is above the target."""
    parser = argparse.ArgumentParser(prog="tests.bench.cold_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    requested = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="truscore-bench-") as scratch:
        result = asyncio.run(measured(Path(scratch), rounds=requested.rounds))
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    return 0 if result["standby"]["whole"]["median"] <= TARGET_S else 1


async def measured(scratch: Path, *, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    with servers(scratch) as (node, s3):
        async with AsyncExitStack() as stack:
            sides = [
                await stack.enter_async_context(side(scratch, node, s3, standby=standby)) for standby in (True, False)
            ]
            taken: dict[bool, list[list[float]]] = {True: [], False: []}
            # The first round fills the caches of images and of the system, and does not count.
            for number in range(1, rounds + 2):
                for each in sides:
                    phases = await each.begin(number)
                    if number > 1:
                        taken[each.standby].append(phases)
            await sides[0].ready(rounds + 2)
            result = {"standby": summed_up(taken[True]), "plain": summed_up(taken[False])}
            return result | {"waiting process": {"memory": dict(sides[0].memory())}} | {"load": load()}


def summed_up(rounds: Sequence[Sequence[float]]) -> dict[str, dict[str, float]]:
    columns = dict(zip(PHASES, zip(*rounds, strict=True), strict=True)) | {"whole": tuple(map(sum, rounds))}
    return {
        name: {
            "median": round(statistics.median(column), 2),
            "least": round(min(column), 2),
            "most": round(max(column), 2),
        }
        for name, column in columns.items()
    }


def load() -> dict[str, dict[str, float]]:
    return {"average of the last minute": {"processes": os.getloadavg()[0], "cores": float(os.cpu_count() or 0)}}


@contextmanager
def servers(scratch: Path) -> Iterator[tuple[RabbitMQ, ObjectServer]]:
    """A broker and a store of our own."""
    node = RabbitMQ(scratch / "rabbitmq", ready_rabbitmq(LocalSettings()))
    store = SeaweedFS(scratch / "seaweedfs", find_weed())
    try:
        node.start()
        store.start()
        store.reach.make_bucket(BUCKET)
        yield node, store.reach
    finally:
        store.stop()
        node.close()


@asynccontextmanager
async def side(scratch: Path, node: RabbitMQ, s3: ObjectServer, *, standby: bool) -> AsyncIterator[Side]:
    name = "standby" if standby else "plain"
    amqp_url = node.add_vhost(name)
    environment = service_environment(amqp_url, s3, BUCKET) | {"TRUSCORE_TRAINER_STANDBY": str(standby).lower()}
    store = S3Store(s3.endpoint, s3.access_key, s3.secret_key, buckets=[BUCKET])
    with trainer_process(scratch / name, environment) as trainer:
        async with event_listener(amqp_url) as listener:
            order = small_order(store, BUCKET, scratch / f"{name}-cards")
            yield Side(trainer=trainer, listener=listener, standby=standby, order=order)


if __name__ == "__main__":
    sys.exit(main())
