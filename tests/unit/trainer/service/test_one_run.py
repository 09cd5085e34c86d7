"""What one trainer does with an order, on a memory store, with a training process that trains a number."""

import asyncio
import gc
import json
import math
from pathlib import Path

import pytest
from truscore.bus import HandBack, Poison
from truscore.events.v1.control_pb2 import RunCancel, RunPause, RunResume
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.order_pb2 import ORDER_STATE_COMPLETED, OrderAttached
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    TrainingCancelled,
    TrainingCompleted,
    TrainingFailed,
    TrainingPaused,
    TrainingProgressed,
    TrainingStarted,
)

from tests.unit.trainer.service.stand import BUCKET, Stand, some_dataset, until


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(folder=tmp_path / "here", gates=tmp_path / "gates")


def run_id_of(stand: Stand) -> str:
    return str(stand.published(TrainingStarted)[0].run_id)


def epochs(stand: Stand) -> list[int]:
    return [event.epoch for event in stand.published(EpochCompleted)]


def weights_left_alone(tmp_path: Path) -> str:
    """Weights of the same run that nobody disturbed."""
    alone = Stand(folder=tmp_path / "alone", gates=tmp_path / "no-gates")
    asyncio.run(alone.order(some_dataset(alone.store)))
    return str(alone.published(TrainingCompleted)[0].weights_sha256)


async def test_an_order_becomes_a_run_that_is_reported_from_start_to_end(stand: Stand) -> None:
    await stand.order(some_dataset(stand.store))
    assert [event.first_epoch for event in stand.published(TrainingStarted)] == [1]
    assert [event.step for event in stand.published(TrainingProgressed)] == list(range(1, 13))
    assert epochs(stand) == [1, 2, 3]
    assert math.isnan(stand.published(EpochCompleted)[0].val_loss)
    [completed] = stand.published(TrainingCompleted)
    best = completed.best_checkpoint
    assert stand.store.get(best.uri, limit_bytes=1000, sha256=best.sha256)
    assert completed.report_uri.endswith("/report.json")
    assert stand.store.stat(completed.report_uri)
    assert stand.store.stat(completed.report_uri.removesuffix(".json") + ".html")
    assert completed.dataset_uri == "s3://upstream/cards/1/"
    assert completed.attempts == 1


async def test_the_run_says_its_end_last(stand: Stand) -> None:
    await stand.order(some_dataset(stand.store))
    assert isinstance(stand.publisher.published[-1][0], TrainingCompleted)


async def test_the_same_order_again_says_nothing_new_but_that_its_run_is_complete(stand: Stand) -> None:
    order = some_dataset(stand.store)
    await stand.order(order)
    before = {envelope.event_id for _, envelope in stand.publisher.published}
    await stand.order(order)
    await stand.order(order, delivery=3)
    new = {envelope.event_id: event for event, envelope in stand.publisher.published if envelope.event_id not in before}
    assert [(type(event), event.state) for event in new.values()] == [(OrderAttached, ORDER_STATE_COMPLETED)]


async def test_twenty_equal_orders_at_once_are_one_run(stand: Stand) -> None:
    order = some_dataset(stand.store)
    await asyncio.gather(*(stand.order(order, delivery=1 + number % 3) for number in range(20)))
    assert len(stand.published(TrainingStarted)) == len(stand.published(TrainingCompleted)) == 1
    assert epochs(stand) == [1, 2, 3]


async def test_orders_with_other_request_ids_are_other_runs(stand: Stand) -> None:
    order = some_dataset(stand.store)
    other = DatasetValidated.FromString(order.SerializeToString())
    other.request_id = "second"
    await stand.order(order)
    await stand.order(other)
    assert len({event.run_id for event in stand.published(TrainingCompleted)}) == 2


async def test_an_order_for_validation_only_is_not_trained(stand: Stand) -> None:
    order = some_dataset(stand.store)
    order.validation_only = True
    await stand.order(order)
    assert stand.publisher.published == []


async def test_an_unknown_architecture_is_answered_by_name(stand: Stand) -> None:
    order = some_dataset(stand.store)
    order.training.architecture = "perceptron"
    await stand.order(order)
    [failed] = stand.published(TrainingFailed)
    assert (failed.code, failed.run_id, failed.retryable) == ("invalid_config", "", False)
    assert "perceptron" in failed.message
    assert "mask_rcnn" in failed.message


async def test_an_impossible_value_is_answered_with_key_and_value(stand: Stand) -> None:
    order = some_dataset(stand.store)
    order.training.config.hyperparameters.training_process.epochs = 0
    await stand.order(order)
    [failed] = stand.published(TrainingFailed)
    assert "epochs: 0" in failed.message


async def test_an_order_without_an_index_is_a_dead_letter_that_says_so(stand: Stand) -> None:
    order = some_dataset(stand.store)
    order.ClearField("index")
    with pytest.raises(Poison, match=r"index\.uri, index\.sha256"):
        await stand.order(order)


async def test_an_image_that_changed_since_validation_fails_the_run(stand: Stand) -> None:
    order = some_dataset(stand.store)
    stand.store.put("s3://upstream/cards/1/images/3.png", b"retouched")
    await stand.order(order)
    [failed] = stand.published(TrainingFailed)
    assert (failed.code, failed.retryable, failed.attempt) == ("dataset_changed", False, 0)
    assert "images/3.png" in failed.message


async def test_a_disk_without_room_fails_the_run_for_now(tmp_path: Path) -> None:
    full = Stand(folder=tmp_path / "full", gates=tmp_path / "gates", min_free_bytes=1 << 60)
    order = some_dataset(full.store)
    await full.order(order)
    [failed] = full.published(TrainingFailed)
    assert (failed.code, failed.retryable) == ("disk_full", True)
    assert str(1 << 60) in failed.message
    roomy = Stand(folder=tmp_path / "roomy", gates=tmp_path / "gates", store=full.store, publisher=full.publisher)
    await roomy.order(order)
    assert len(roomy.published(TrainingCompleted)) == 1


async def test_weights_that_are_not_in_the_store_fail_the_run_by_name(stand: Stand) -> None:
    order = some_dataset(stand.store)
    order.training.config.architecture_config.pretrained_weights = "mine.pth"
    await stand.order(order)
    [failed] = stand.published(TrainingFailed)
    assert failed.code == "pretrained_missing"
    assert f"s3://{BUCKET}/pretrained/mine.pth" in failed.message


async def test_a_failure_for_good_is_published_once_and_not_tried_again(stand: Stand) -> None:
    stand.child_options = ("--fail", "diverged:")
    order = some_dataset(stand.store)
    await stand.order(order)
    await stand.order(order)
    [failed] = stand.received(TrainingFailed)
    assert (failed.code, failed.message, failed.attempt) == ("diverged", "as told", 1)
    assert len(stand.published(TrainingStarted)) == 1


async def test_a_process_that_keeps_crashing_is_given_up_with_its_last_words(stand: Stand) -> None:
    stand.child_options = ("--fail", "print:")
    await stand.order(some_dataset(stand.store))
    [failed] = stand.published(TrainingFailed)
    assert (failed.code, failed.retryable, failed.attempt) == ("process_crashed", True, 3)
    assert "the network caught fire" in failed.message


async def test_a_killed_training_process_goes_on_where_it_was(stand: Stand, tmp_path: Path) -> None:
    stand.gate(7)
    running = asyncio.create_task(stand.order(some_dataset(stand.store)))
    await stand.at_gate(7)
    stand.kill_child()
    await stand.at_gate(7, attempt=2)
    stand.open(7)
    await running
    assert [event.first_epoch for event in stand.published(TrainingStarted)] == [1, 2]
    assert epochs(stand) == [1, 2, 3]
    assert len(set(stand.ids(TrainingProgressed))) == 12
    [completed] = stand.published(TrainingCompleted)
    assert completed.attempts == 2
    assert completed.weights_sha256 == await asyncio.to_thread(weights_left_alone, tmp_path)


async def test_a_run_goes_on_while_the_broker_is_away_and_nothing_is_lost(stand: Stand) -> None:
    stand.gate(12)
    running = asyncio.create_task(stand.order(some_dataset(stand.store)))
    stand.publisher.away = True
    await stand.at_gate(12)
    assert stand.publisher.published == []
    stand.publisher.away = False
    stand.open(12)
    await running
    assert [event.step for event in stand.published(TrainingProgressed)] == list(range(1, 13))
    assert epochs(stand) == [1, 2, 3]


async def test_a_cancelled_run_stops_within_a_step(stand: Stand) -> None:
    stand.gate(6)
    running = asyncio.create_task(stand.order(some_dataset(stand.store)))
    await stand.at_gate(6)
    await until(lambda: stand.published(TrainingStarted))
    await stand.send(RunCancel(run_id=run_id_of(stand), reason="wrong data", request_id="1"))
    await running
    [cancelled] = stand.published(TrainingCancelled)
    assert (cancelled.step, cancelled.reason, cancelled.attempt) == (5, "wrong data", 1)
    await stand.order(some_dataset(stand.store))
    await stand.send(RunCancel(run_id=run_id_of(stand), reason="again", request_id="2"))
    assert len(stand.received(TrainingCancelled)) == 1
    assert stand.published(TrainingCompleted) == []


async def test_a_run_that_is_cancelled_before_its_order_comes_is_never_started(stand: Stand, tmp_path: Path) -> None:
    order = some_dataset(stand.store)
    other = Stand(folder=tmp_path / "scout", gates=tmp_path / "gates")
    await other.order(some_dataset(other.store))
    await stand.send(RunCancel(run_id=run_id_of(other), reason="a mistake"))
    assert stand.publisher.published == []
    await stand.order(order)
    [cancelled] = stand.published(TrainingCancelled)
    assert (cancelled.attempt, cancelled.reason) == (0, "a mistake")
    assert stand.published(TrainingStarted) == []


@pytest.mark.parametrize("run_id", ["", "../other", "a/b", "run-" + "0" * 200])
async def test_a_request_about_what_can_be_no_run_is_a_dead_letter(stand: Stand, run_id: str) -> None:
    with pytest.raises(Poison, match="names no run"):
        await stand.send(RunCancel(run_id=run_id))


async def test_a_paused_run_goes_on_when_resumed(stand: Stand, tmp_path: Path) -> None:
    stand.gate(6)
    running = asyncio.create_task(stand.order(some_dataset(stand.store)))
    await stand.at_gate(6)
    await until(lambda: stand.published(TrainingStarted))
    run_id = run_id_of(stand)
    await stand.send(RunPause(run_id=run_id, request_id="1"))
    await running
    [paused] = stand.published(TrainingPaused)
    assert (paused.step, paused.attempt) == (5, 1)
    assert json.loads(stand.store.get(paused.checkpoint.uri, limit_bytes=1000))["step"] == 5
    await stand.order(some_dataset(stand.store))
    assert len(stand.published(TrainingStarted)) == 1, "a repeated order must not end a pause"
    stand.open(6)
    await stand.send(RunResume(run_id=run_id, request_id="2"))
    await stand.send(RunResume(run_id=run_id, request_id="2"))
    assert len(set(stand.ids(DatasetValidated))) == 1
    await stand.order(stand.published(DatasetValidated)[0])
    assert epochs(stand) == [1, 2, 3]
    [completed] = stand.published(TrainingCompleted)
    assert completed.weights_sha256 == await asyncio.to_thread(weights_left_alone, tmp_path)


async def test_a_paused_run_can_be_cancelled_though_nobody_has_it(stand: Stand) -> None:
    stand.gate(6)
    running = asyncio.create_task(stand.order(some_dataset(stand.store)))
    await stand.at_gate(6)
    await until(lambda: stand.published(TrainingStarted))
    await stand.send(RunPause(run_id=run_id_of(stand)))
    await running
    await stand.send(RunCancel(run_id=run_id_of(stand), reason="never mind"))
    [cancelled] = stand.published(TrainingCancelled)
    assert (cancelled.step, cancelled.reason) == (5, "never mind")
    await stand.send(RunResume(run_id=run_id_of(stand)))
    assert stand.published(DatasetValidated) == []


async def test_a_pause_that_is_withdrawn_at_once_costs_an_attempt_and_no_more(stand: Stand) -> None:
    order = some_dataset(stand.store)
    stand.gate(6)
    running = asyncio.create_task(stand.order(order))
    await stand.at_gate(6)
    await until(lambda: stand.published(TrainingStarted))
    stand.publisher.away = True  # holds the trainer between the end of the training process and its look at the marks
    await stand.send(RunPause(run_id=run_id_of(stand), request_id="1"))
    await until(lambda: _has_paused(stand))
    stand.open(6)  # only now: a training process that is let go before it is told to stop trains to its end
    stand.publisher.away = False
    await stand.send(RunResume(run_id=run_id_of(stand), request_id="2"))
    await running
    assert len(stand.published(TrainingCompleted)) == 1
    assert epochs(stand) == [1, 2, 3]


def _has_paused(stand: Stand) -> bool:
    return any('"kind":"paused"' in path.read_text() for path in stand.folder.rglob("journal.jsonl"))


async def test_a_drained_run_goes_back_to_the_broker_and_on_elsewhere(stand: Stand, tmp_path: Path) -> None:
    order = some_dataset(stand.store)
    stand.gate(7)
    running = asyncio.create_task(stand.order(order))
    await stand.at_gate(7)
    await stand.runs.drain(timeout_s=20)
    with pytest.raises(HandBack):
        await running
    with pytest.raises(HandBack):
        await stand.order(order)
    stand.open(7)
    elsewhere = stand.another("elsewhere")
    await elsewhere.order(order, delivery=2)
    assert [event.step for event in stand.published(TrainingProgressed)] == list(range(1, 13)), "a drain loses no step"
    assert epochs(stand) == [1, 2, 3]
    [completed] = stand.published(TrainingCompleted)
    assert completed.weights_sha256 == await asyncio.to_thread(weights_left_alone, tmp_path)


async def test_a_run_that_is_handed_back_while_nobody_waits_leaves_no_exception_behind(stand: Stand) -> None:
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    stand.gate(7)
    running = asyncio.create_task(stand.order(some_dataset(stand.store)))
    await stand.at_gate(7)
    await until(lambda: stand.published(TrainingStarted))
    running.cancel()  # as a lost connection has it; the run goes on
    await asyncio.wait([running])
    run_id = run_id_of(stand)
    assert stand.runs.request_stop(run_id, "drain")
    await until(lambda: not stand.runs.has(run_id))
    del running
    gc.collect()
    assert complaints == []
