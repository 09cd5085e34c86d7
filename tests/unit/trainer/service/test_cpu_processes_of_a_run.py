"""How many processes train a run on a CPU is decided once: another machine goes on with the same number."""

import asyncio
import json
from pathlib import Path

import pytest
from truscore.events.v1.training_pb2 import TrainingStarted
from truscore.recipes import resolve
from truscore.storage import MemoryStore

from services.trainer.inputs.cpu_processes import decide_processes, recorded_processes
from services.trainer.run_store.keys import RunKeys
from services.trainer.runs.journal_relay import attempt_folder
from tests.unit.trainer.service.stand import BUCKET, Stand, some_dataset

KEYS = RunKeys(bucket=BUCKET, run_id="run-0123456789abcdef0123")
RECIPE = resolve("border_detection", "dual_class")  # two images a batch


def test_the_first_decision_is_kept_and_one_process_needs_no_record() -> None:
    store = MemoryStore()
    decide_processes(store, KEYS, RECIPE, images=15, cores=2)
    assert recorded_processes(store, KEYS) == 1
    assert not list(store.list(KEYS.at(""), limit=10))
    decide_processes(store, KEYS, RECIPE, images=2_600, cores=2)
    assert recorded_processes(store, KEYS) == 2


def test_a_record_that_is_none_of_ours_is_named() -> None:
    store = MemoryStore()
    store.put(KEYS.cpu_processes, b'{"count": 0}')
    with pytest.raises(ValueError, match=r"cpu-processes\.json: count 0: expected a whole number of at least 1"):
        recorded_processes(store, KEYS)


def test_an_attempt_elsewhere_takes_the_number_that_the_run_began_with(tmp_path: Path) -> None:
    first = Stand(folder=tmp_path / "first", gates=tmp_path / "gates")
    asyncio.run(first.order(some_dataset(first.store)))
    keys = RunKeys(bucket=BUCKET, run_id=first.published(TrainingStarted)[0].run_id)
    second = Stand(folder=tmp_path / "second", gates=tmp_path / "gates")
    order = some_dataset(second.store)
    second.store.put(keys.split, first.store.get(keys.split, limit_bytes=1 << 20))
    second.store.put(keys.cpu_processes, b'{"count": 2, "reason": "two cores there"}')
    asyncio.run(second.order(order))
    folder = attempt_folder(second.folder / "runs" / keys.run_id, 1)
    assert json.loads((folder / "order.json").read_text())["cpu_processes"] == 2
