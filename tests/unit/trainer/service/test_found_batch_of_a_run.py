"""The batch that a run finds is on record before anything is trained on it: every later attempt takes that number."""

import asyncio
import json
from pathlib import Path

import pytest
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.training_pb2 import FoundBatchSize, TrainingCompleted, TrainingStarted
from truscore.storage import MemoryStore

from services.trainer.run_store.attempts import Attempts
from services.trainer.run_store.json_objects import read_json
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.uploads import Fenced, Uploads
from services.trainer.runs.journal_relay import attempt_folder
from tests.unit.trainer.service.small_child import found_batch
from tests.unit.trainer.service.stand import BUCKET, Stand, some_dataset, until

H = "hyperparameters.optimization"


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(folder=tmp_path / "here", gates=tmp_path / "gates")


def ordered(stand: Stand) -> DatasetValidated:
    order = some_dataset(stand.store)
    order.training.config.hyperparameters.optimization.find_batch_size = True
    return order


def keys_of(stand: Stand) -> RunKeys:
    return RunKeys(bucket=BUCKET, run_id=stand.published(TrainingStarted)[0].run_id)


async def test_what_was_found_is_published_and_the_parameters_have_it(stand: Stand) -> None:
    await stand.order(ordered(stand))
    [started] = stand.published(TrainingStarted)
    assert started.found_batch_size == FoundBatchSize(
        batch_size=4, stated_batch_size=2, learning_rate=0.004, image_bytes=1 << 20, fixed_bytes=4 << 20,
        limit_bytes=1 << 30, bound_by="memory",
    )  # fmt: skip
    parameters = started.parameters
    assert (parameters[f"{H}.batch_size"], parameters[f"{H}.learning_rate"]) == ("4", "0.004")
    assert parameters[f"{H}.find_batch_size"] == "true"
    assert parameters["found_batch_size.stated_batch_size"] == "2"
    assert parameters["found_batch_size.image_bytes"] == str(1 << 20)
    assert parameters["found_batch_size.limit_bytes"] == str(1 << 30)
    # The run is named after what was ordered, not after what was found.
    config = json.loads(stand.store.get(started.config.uri, limit_bytes=1 << 20))
    assert config["hyperparameters"]["optimization"]["batch_size"] == 2


async def test_a_run_with_a_number_says_nothing_of_it_and_keeps_its_name(stand: Stand) -> None:
    await stand.order(some_dataset(stand.store))
    [started] = stand.published(TrainingStarted)
    assert not started.HasField("found_batch_size")
    assert not [name for name in started.parameters if "found_batch" in name or "find_batch" in name]
    assert read_json(stand.store, keys_of(stand).found_batch) is None


async def test_killed_before_a_checkpoint_the_next_attempt_does_not_search_again(stand: Stand) -> None:
    stand.gate(1)
    running = asyncio.create_task(stand.order(ordered(stand)))
    await stand.at_gate(1)
    await until(lambda: stand.published(TrainingStarted) and read_json(stand.store, keys_of(stand).found_batch))
    stand.kill_child()
    await stand.at_gate(1, attempt=2)
    stand.open(1)
    await running
    first, second = stand.published(TrainingStarted)
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.found_batch_size == second.found_batch_size
    assert first.parameters == second.parameters
    assert stand.published(TrainingCompleted)


async def test_a_trainer_elsewhere_takes_the_number_on_record(stand: Stand, tmp_path: Path) -> None:
    await stand.order(ordered(stand))
    keys = keys_of(stand)
    second = Stand(folder=tmp_path / "there", gates=tmp_path / "gates")
    order = ordered(second)
    on_record = read_json(stand.store, keys.found_batch)
    assert on_record is not None
    second.store.put(keys.found_batch, json.dumps(on_record | {"batch_size": 64}).encode())
    await second.order(order)
    assert second.published(TrainingStarted)[0].found_batch_size.batch_size == 64
    folder = attempt_folder(second.folder / "runs" / keys.run_id, 1)
    assert json.loads((folder / "order.json").read_text())["found_batch"]["batch_size"] == 64


def test_an_attempt_that_was_overtaken_records_nothing(stand: Stand, tmp_path: Path) -> None:
    store, keys = MemoryStore(), RunKeys(bucket=BUCKET, run_id="run-0123456789abcdef0123")
    attempts = Attempts(store, keys)
    first = attempts.take(owner="a", host="here", now=stand.deps.now())
    attempts.take(owner="b", host="there", now=stand.deps.now())
    uploads = Uploads(store=store, keys=keys, attempts=attempts, attempt=first, folder=tmp_path)
    with pytest.raises(Fenced):
        uploads.keep_found_batch(found_batch({"found_batch": None, "attempt": 1}))
    assert read_json(store, keys.found_batch) is None
