"""One run, whose process, service, broker and store are taken away time and again: what it comes to, and what it says.

Minutes each, as a broker takes its time to start: with `make chaos`.
"""

import asyncio
import random
import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    TrainingCompleted,
    TrainingProgressed,
    TrainingStarted,
)
from truscore.storage import S3Store

from deploy.local.servers.seaweedfs import SeaweedFS, find_weed
from services.trainer.journal import EpochDone, Progressed, Record, Started, records_of
from tests.conftest import PrivateBroker
from tests.connected.trainer.trainer_harness import (
    POLL_S,
    WAIT_S,
    Trainer,
    event_listener,
    service_environment,
    small_order,
    trainer_process,
    weights_left_alone,
)

pytestmark = [pytest.mark.connected, pytest.mark.chaos, pytest.mark.timeout(1800)]
KILLS, EPOCHS, STEPS = 30, 80, 4
BUCKET = "faults"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A store of this test's own: it is killed."""
    server = SeaweedFS(tmp_path_factory.mktemp("faults-store"), find_weed())
    server.start()
    server.reach.make_bucket(BUCKET)
    yield server
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


def journals(trainer: Trainer) -> list[list[Record]]:
    """What each attempt wrote, attempt by attempt."""
    paths = trainer.workdir.glob("runs/*/attempt-*/journal.jsonl")
    by_number = sorted(paths, key=lambda path: int(path.parent.name.removeprefix("attempt-")))
    return [list(records_of(path)) for path in by_number]


def count(trainer: Trainer, kind: type[Record]) -> int:
    return sum(isinstance(record, kind) for records in journals(trainer) for record in records)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110  files set no event
            await asyncio.sleep(POLL_S)


@dataclass(kw_only=True)
class Killer:
    """Kills one part after another, at points of the run that are drawn."""

    trainer: Trainer
    broker: PrivateBroker
    server: SeaweedFS
    draw: random.Random
    epochs_at_last_end: int = 0
    coming_back: list[asyncio.Task[Any]] = field(default_factory=list)

    async def kill(self, part: Callable[[Self], Awaitable[None]]) -> None:
        """Somewhere in the two epochs after the next step."""
        seen = count(self.trainer, Progressed)
        await until(lambda: count(self.trainer, Progressed) > seen)
        await asyncio.sleep(self.draw.uniform(0, 1.5))
        await part(self)

    async def end_process(self) -> None:
        # A run that dies three times without an epoch is given up, and rightly.
        await until(lambda: count(self.trainer, EpochDone) > self.epochs_at_last_end)
        self.epochs_at_last_end = count(self.trainer, EpochDone)
        await until(self.trainer.children)
        for process in self.trainer.children():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    async def end_service(self) -> None:
        await until(lambda: count(self.trainer, EpochDone) > self.epochs_at_last_end)
        self.epochs_at_last_end = count(self.trainer, EpochDone)
        await asyncio.to_thread(self.trainer.kill)
        self.trainer.start()

    async def end_broker(self) -> None:
        await self._end(self.broker.kill, self.broker.start)

    async def end_store(self) -> None:
        await self._end(self.server.kill, self.server.start)

    async def _end(self, kill: Callable[[], None], start: Callable[[], None]) -> None:
        """It comes back beside what follows: starting a broker takes longer than training an epoch."""
        await asyncio.gather(*self.coming_back)
        await asyncio.to_thread(kill)
        self.coming_back = [asyncio.create_task(asyncio.to_thread(start))]


PARTS: Sequence[Callable[[Killer], Awaitable[None]]] = (
    Killer.end_process,
    Killer.end_service,
    Killer.end_broker,
    Killer.end_store,
)


def steps_lost(attempts: Sequence[Sequence[Record]]) -> list[int]:
    """Optimizer steps that each attempt but the first took once more."""
    furthest, lost = 0, []
    for records in attempts:
        resumed = [record.resumed_step for record in records if isinstance(record, Started)]
        lost += [furthest - step for step in resumed[:1] if furthest]
        furthest = max([furthest, *(record.step for record in records if isinstance(record, Progressed))])
    return lost


async def test_thirty_kills_cost_no_epoch_no_event_and_no_bit(
    private_broker: PrivateBroker, server: SeaweedFS, tmp_path: Path
) -> None:
    draw = random.Random(15)
    store = S3Store(server.reach.endpoint, server.reach.access_key, server.reach.secret_key)
    environment = service_environment(private_broker.amqp_url, server.reach, BUCKET)
    with trainer_process(tmp_path / "here", environment) as trainer:
        async with event_listener(private_broker.amqp_url) as listener:
            await listener.order(small_order(store, BUCKET, tmp_path / "cards", epochs=EPOCHS))
            await listener.receive(TrainingStarted)
            await asyncio.to_thread(private_broker.settle)
            killer = Killer(trainer=trainer, broker=private_broker, server=server, draw=draw)
            for number in range(KILLS):
                assert listener.of(TrainingCompleted) == [], f"the run was over after {number} kills"
                await killer.kill(PARTS[number % len(PARTS)])
            await asyncio.gather(*killer.coming_back)
            async with asyncio.timeout(1200):
                while not listener.of(TrainingCompleted):  # noqa: ASYNC110  longer than the listener waits
                    await asyncio.sleep(1)
            [completed] = listener.of(TrainingCompleted)
            lost = steps_lost(journals(trainer))
            print(f"{KILLS} kills, {completed.attempts} attempts, steps taken once more: {lost}")  # noqa: T201
            assert completed.weights_sha256 == await asyncio.to_thread(weights_left_alone, EPOCHS)
            assert [event.epoch for event in listener.of(EpochCompleted)] == list(range(1, EPOCHS + 1))
            assert sorted(event.step for event in listener.of(TrainingProgressed)) == list(range(1, EPOCHS * STEPS + 1))
            assert [each.attempt for each in listener.of(TrainingStarted)] == list(range(1, completed.attempts + 1))
            assert max(lost) <= STEPS, f"more than a checkpoint's interval was trained once more: {lost}"
