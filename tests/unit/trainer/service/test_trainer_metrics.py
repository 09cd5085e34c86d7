"""What Prometheus reads of a trainer. Figures are the process's own, so tests look at what is added to them."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Gauge

from services.trainer.metrics import Share, Waits
from tests.unit.trainer.service.stand import Stand, some_dataset, until
from tests.unit.trainer.service.test_relay_alone import World, epoch_done, progressed, relayed, write


def figure(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"truscore_trainer_{name}", labels) or 0.0


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(folder=tmp_path / "here", gates=tmp_path / "gates")


async def test_a_run_in_hand_is_counted_while_it_trains_and_its_attempts_when_they_end(stand: Stand) -> None:
    names = ("attempts_total", {"ended": "completed"}), ("attempts_total", {"ended": "restart"}), ("restarts_total", {})
    before = [figure(name, **labels) for name, labels in names]
    runs = figure("runs")
    stand.gate(7)
    running = asyncio.create_task(stand.order(some_dataset(stand.store)))
    await stand.at_gate(7)
    assert figure("runs") == runs + 1
    stand.kill_child()
    await stand.at_gate(7, attempt=2)
    stand.open(7)
    await running
    assert [figure(name, **labels) - was for (name, labels), was in zip(names, before, strict=True)] == [1, 1, 1]
    assert figure("runs") == runs


async def test_images_per_second_are_those_of_the_runs_in_hand_and_end_with_them(stand: Stand) -> None:
    before = figure("images_per_second")
    stand.gate(7)
    running = asyncio.create_task(stand.order(some_dataset(stand.store)))
    await until(lambda: figure("images_per_second") > before)
    stand.open(7)
    await running
    assert figure("images_per_second") == pytest.approx(before)


async def test_records_that_the_broker_confirmed_are_counted(tmp_path: Path) -> None:
    before = figure("relayed_total")
    write(tmp_path, 1, progressed(1), progressed(2), epoch_done(1))
    await relayed(World(refusals=1), tmp_path, newest=1)
    assert figure("relayed_total") == before + 3
    assert figure("relay_lag_seconds") == 0


def test_the_lag_is_how_long_the_oldest_batch_has_waited() -> None:
    now = [100.0]
    waits = Waits(clock=lambda: now[0])
    assert waits.longest_s() == 0
    with waits.waiting():
        now[0] = 110
        with waits.waiting():
            now[0] = 113
            assert waits.longest_s() == 13
    assert waits.longest_s() == 0


def test_a_gauge_shows_the_sum_of_what_its_parts_say() -> None:
    gauge = Gauge("sum", "Of two.", registry=(registry := CollectorRegistry()))
    one, other = Share(gauge), Share(gauge)
    one.set(3)
    other.set(4)
    one.set(5)
    assert registry.get_sample_value("sum") == 9
    one.set(0)
    assert registry.get_sample_value("sum") == 4
