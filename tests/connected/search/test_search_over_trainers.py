"""A search over trainers that are processes of their own, with real runs of a toy network; only validator and exporter
are the test."""

import asyncio
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from truscore.bus import Bus, Envelope, connect, consume_broadcast, publisher
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetValidated
from truscore.events.v1.search_pb2 import SearchCompleted, SearchObjective, SearchProgressed
from truscore.events.v1.training_pb2 import TrainingCompleted, TrainingStarted
from truscore.process.supervised import Started, start_process
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from services.trainer.journal import Completed, read_from
from tests.connected.answers import REPOSITORY, service_process
from tests.connected.search.search_harness import MODULE, RECORDED, Runs, rate_of, search_environment, search_order
from tests.connected.search.toy_trainer import GATES
from tests.connected.trainer.trainer_harness import service_environment
from tests.unit.trainer.service.stand import some_dataset

pytestmark = pytest.mark.chaos
TRIALS, PARALLEL, SLOTS = 20, 4, 2
BEFORE_THE_KILL = 6
RATE_METRIC = "learning_rate"  # of the toy network: as good as its rate is large
WAIT_S = 300


class Validator:
    """Accepts every order at once, as one of the same six images."""

    def __init__(self, bus: Bus, verdict: DatasetValidated) -> None:
        self._publisher, self._verdict = publisher(bus, service="dataset-validator"), verdict

    async def accept(self, ready: DatasetReady, envelope: Envelope) -> None:
        validated = DatasetValidated.FromString(self._verdict.SerializeToString())
        validated.training.CopyFrom(ready.training)
        validated.request_id, validated.order_event_id = ready.request_id, envelope.event_id
        validated.export_formats.extend(ready.export_formats)
        await self._publisher.publish(validated, subject="cards/1", sequence=envelope.event_id, cause=envelope)


def toy_trainer(folder: Path, environment: dict[str, str], gates: Path) -> Started:
    folder.mkdir()
    own = {
        "TRUSCORE_TRAINER_WORKDIR": str(folder / "work"), "TRUSCORE_TRAINER_MIN_FREE_BYTES": "0",
        "TRUSCORE_TRAINER_BEAT_S": "0.5", "TRUSCORE_TRAINER_RESTART_PAUSE_S": "0.1",
        "TRUSCORE_TRAINER_SLOTS": str(SLOTS), "TRUSCORE_TRAINER_STANDBY": "false", "TRUSCORE_TRAINER_PROFILE": "small",
        GATES: str(gates),
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.connected.search.toy_trainer"]
    return start_process("trainer", command, log_path=folder / "log", env={**environment, **own}, cwd=REPOSITORY)


def trains(folder: Path) -> bool:
    """Whether a training process of this trainer is in the middle of a run."""
    journals = [read_from(path, 0)[0] for path in folder.glob("work/runs/*/attempt-*/journal.jsonl")]
    return any(records and not isinstance(records[-1], Completed) for records in journals)


async def until(holds: Any) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110  files of other processes
            await asyncio.sleep(0.05)


async def test_a_search_of_twenty_trials_goes_on_when_one_of_two_trainers_is_killed(
    amqp_url: str, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    verdict = some_dataset(store, f"s3://{bucket}/upstream/cards/1/")
    environment = {**os.environ, **service_environment(amqp_url, s3, bucket)}
    (gates := tmp_path / "gates").mkdir()
    bus = connect(amqp_url, service="upstream", instance="around")
    runs, validator = Runs(bus), Validator(bus, verdict)
    consume_broadcast(bus, [*RECORDED, TrainingStarted, TrainingCompleted], runs.record, service="upstream")
    consume_broadcast(bus, [DatasetReady], validator.accept, service="grading-engine")
    await bus.start()
    with ExitStack() as stack:
        stack.enter_context(service_process(MODULE, search_environment(amqp_url, tmp_path)))
        doomed, other = (toy_trainer(tmp_path / name, environment, gates) for name in ("doomed", "other"))
        for trainer in (doomed, other):
            stack.callback(trainer.terminate)
        ordered = search_order(trials=TRIALS, parallel=PARALLEL, objectives=[SearchObjective(metric=RATE_METRIC)])
        await runs.order(ordered)
        await until(lambda: len(runs.of(SearchProgressed)) >= BEFORE_THE_KILL)
        (gates / "step-7").touch()
        await until(lambda: trains(tmp_path / "doomed"))
        doomed.signal(9)
        doomed.wait(10)
        (gates / "step-7").unlink()
        await until(lambda: runs.of(SearchCompleted))
    await bus.stop()
    [completed] = runs.of(SearchCompleted)
    assert (completed.ended_by, completed.counts.completed, completed.counts.failed) == ("trials", TRIALS, 0)
    orders = {ready.request_id: ready for ready in runs.of(DatasetReady)}
    assert len(orders) == TRIALS
    ends = {event.run_id: event for event in runs.of(TrainingCompleted)}
    assert len(ends) == TRIALS
    # What the dead trainer had in hand was gone on with by the other.
    assert max(event.attempts for event in ends.values()) == 2
    [best] = completed.best
    assert best.values[RATE_METRIC] == max(rate_of(ready) for ready in orders.values())
    assert completed.model_version == best.run_id
