"""A run that finds its batch, ordered on a real broker and store, goes on elsewhere with the number it found."""

from pathlib import Path

import pytest
from truscore.events.v1.training_pb2 import TrainingCompleted, TrainingStarted
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from services.trainer.run_store.json_objects import read_json
from services.trainer.run_store.keys import RunKeys
from tests.connected.trainer.trainer_harness import (
    event_listener,
    service_environment,
    small_order,
    trainer_process,
)

pytestmark = [pytest.mark.connected, pytest.mark.timeout(600)]
H = "hyperparameters.optimization"


async def test_killed_in_an_epoch_it_completes_on_another_trainer_with_the_batch_and_weights_of_one_left_alone(
    amqp_url: str, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    environment = service_environment(amqp_url, s3, bucket)
    order = small_order(store, bucket, tmp_path / "cards", images=48)
    order.training.config.hyperparameters.optimization.find_batch_size = True
    async with event_listener(amqp_url) as listener:
        with trainer_process(tmp_path / "first", environment) as first:
            await listener.order(order)
            await first.in_epoch(2)
            first.kill()
        with trainer_process(tmp_path / "second", environment):
            [completed] = await listener.receive(TrainingCompleted)
            before, after = (each.found_batch_size for each in listener.of(TrainingStarted))
            assert before == after
            assert (before.batch_size, before.stated_batch_size, before.bound_by) == (4, 2, "training_images")
            keys = RunKeys(bucket=bucket, run_id=completed.run_id)
            noted = read_json(store, keys.found_batch)
            assert noted is not None
            assert noted["batch_size"] == 4
            # As ordered with the number and the rate that the parameters name, by somebody who has the run reproduced.
            parameters = listener.of(TrainingStarted)[0].parameters
            optimization = order.training.config.hyperparameters.optimization
            optimization.ClearField("find_batch_size")
            optimization.batch_size = int(parameters[f"{H}.batch_size"])
            optimization.learning_rate = float(parameters[f"{H}.learning_rate"])
            order.request_id = "reproduced"
            await listener.order(order, sequence="reproduced")
            await listener.until(lambda now: len(now.of(TrainingCompleted)) == 2)
            reproduced = listener.of(TrainingCompleted)[-1]
            assert reproduced.run_id != completed.run_id
            assert reproduced.weights_sha256 == completed.weights_sha256
