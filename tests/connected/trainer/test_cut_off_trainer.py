"""A run that outlasts the broker's patience with a delivery, and its trainer cut off meanwhile: with `make chaos`."""

import asyncio
from pathlib import Path

import pytest
from truscore.events.v1.training_pb2 import EpochCompleted, TrainingCompleted, TrainingStarted
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from services.trainer.journal import EpochDone
from tests.conftest import PrivateBroker
from tests.connected.cut_off import CutOff
from tests.connected.trainer.test_faults_of_one_run import count, until
from tests.connected.trainer.trainer_harness import (
    event_listener,
    service_environment,
    small_order,
    trainer_process,
    weights_left_alone,
)

pytestmark = [pytest.mark.connected, pytest.mark.chaos, pytest.mark.timeout(1800)]
EPOCHS = 200
CONSUMER_TIMEOUT_S = 60
SHIPPED_TIMEOUT_MS = 3 * 24 * 3600 * 1000
# RabbitMQ looks for late acknowledgements once a minute.
LOOKED_AT_TWICE_S = 130.0


async def test_a_run_that_outlasts_the_consumer_timeout_and_a_trainer_cut_off_come_to_one_model(
    private_broker: PrivateBroker, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    timeout = "application:set_env(rabbit, consumer_timeout, {})."
    await asyncio.to_thread(private_broker.node.control, "eval", timeout.format(CONSUMER_TIMEOUT_S * 1000))
    ways = [CutOff(private_broker.amqp_url) for _ in range(2)]
    urls = [await way.begin() for way in ways]
    environments = [service_environment(url, s3, bucket) | {"TRUSCORE_TRAINER_SLOTS": "1"} for url in urls]
    try:
        with (
            trainer_process(tmp_path / "one", environments[0]) as one,
            trainer_process(tmp_path / "other", environments[1]) as other,
        ):
            async with event_listener(private_broker.amqp_url) as listener:
                await listener.order(small_order(store, bucket, tmp_path / "cards", epochs=EPOCHS))
                await until(lambda: count(one, EpochDone) + count(other, EpochDone) >= 1)
                await asyncio.sleep(LOOKED_AT_TWICE_S)  # what the broker does by the clock
                assert not listener.of(TrainingCompleted), "the run was too short to outlast the broker's patience"
                cut, left = (one, other) if one.children() else (other, one)
                ways[0 if cut is one else 1].is_silent = True
                started, done = len(listener.of(TrainingStarted)), count(cut, EpochDone)
                await until(lambda: count(cut, EpochDone) > done)  # it trains on: nobody told it
                await listener.receive(TrainingStarted, started + 1)
                assert left.children()
                [completed] = await listener.receive(TrainingCompleted)
                await until(lambda: not cut.children())
                check(listener.of(TrainingStarted), listener.of(EpochCompleted))
                assert len(listener.of(TrainingCompleted)) == 1
                assert completed.weights_sha256 == weights_left_alone(EPOCHS)
                print(f"{started} attempts before the cut, {completed.attempts} in all")  # noqa: T201
    finally:
        for way in ways:
            await way.end()
        await asyncio.to_thread(private_broker.node.control, "eval", timeout.format(SHIPPED_TIMEOUT_MS))


def check(started: list[TrainingStarted], epochs: list[EpochCompleted]) -> None:
    """One run, whose attempts rise, with each epoch once and in order."""
    assert len({event.run_id for event in started}) == 1
    attempts = [event.attempt for event in started]
    assert attempts == sorted(set(attempts))
    assert [event.epoch for event in epochs] == list(range(1, EPOCHS + 1))
