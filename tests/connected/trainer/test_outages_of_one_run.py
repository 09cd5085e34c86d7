"""A run goes on while its broker and then its store are away for two minutes each: with `make chaos`."""

import asyncio
from pathlib import Path

import pytest
from truscore.events.v1.control_pb2 import RunCancel
from truscore.events.v1.training_pb2 import EpochCompleted, TrainingCancelled, TrainingProgressed, TrainingStarted
from truscore.storage import S3Store

from deploy.local.servers.seaweedfs import SeaweedFS
from services.trainer.journal import CheckpointWritten, EpochDone, Progressed
from tests.conftest import PrivateBroker
from tests.connected.trainer.test_faults_of_one_run import BUCKET, count, journals, server, until
from tests.connected.trainer.trainer_harness import (
    Trainer,
    event_listener,
    service_environment,
    small_order,
    trainer_process,
)

__all__ = ["server"]
pytestmark = [pytest.mark.connected, pytest.mark.chaos, pytest.mark.timeout(1200)]
OUTAGE_S = 120.0


async def test_no_step_waits_for_a_broker_and_a_store_that_are_away_for_two_minutes_each(
    private_broker: PrivateBroker, server: SeaweedFS, tmp_path: Path
) -> None:
    store = S3Store(server.reach.endpoint, server.reach.access_key, server.reach.secret_key)
    environment = service_environment(private_broker.amqp_url, server.reach, BUCKET)
    with trainer_process(tmp_path / "here", environment) as trainer:
        async with event_listener(private_broker.amqp_url) as listener:
            await listener.order(small_order(store, BUCKET, tmp_path / "cards", epochs=5000))
            [started] = await listener.receive(TrainingStarted)
            await asyncio.to_thread(private_broker.settle)
            await until(lambda: count(trainer, EpochDone) >= 2)
            paces = [await pace(trainer, 20.0)]
            for kill, start in ((private_broker.kill, private_broker.start), (server.kill, server.start)):
                await asyncio.to_thread(kill)
                paces.append(await pace(trainer, OUTAGE_S))
                await asyncio.to_thread(start)
            print(f"steps a second: before {paces[0]:.2f}, no broker {paces[1]:.2f}, no store {paces[2]:.2f}")  # noqa: T201
            written = count(trainer, CheckpointWritten)
            await until(lambda: count(trainer, CheckpointWritten) > written)
            await listener.publish_request(RunCancel(run_id=started.run_id, reason="seen enough", request_id="1"))
            await listener.receive(TrainingCancelled)
            [records] = journals(trainer)
            # Half of the pace by itself would be other work on this machine; a step that waits comes to none.
            assert min(paces[1:]) > paces[0] / 4
            epochs = [record.epoch for record in records if isinstance(record, EpochDone)]
            assert [event.epoch for event in listener.of(EpochCompleted)] == epochs
            steps = [record.step for record in records if isinstance(record, Progressed)]
            assert [event.step for event in listener.of(TrainingProgressed)] == steps == list(range(1, len(steps) + 1))


async def pace(trainer: Trainer, seconds: float) -> float:
    """Steps a second over so long."""
    before = count(trainer, Progressed)
    await asyncio.sleep(seconds)
    return (count(trainer, Progressed) - before) / seconds
