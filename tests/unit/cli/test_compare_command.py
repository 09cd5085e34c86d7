"""`truscore compare`: runs of the tracker's record side by side."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_watching import run
from truscore.access import anonymous
from truscore.telemetry import serve_grpc

from services.cli.output.comparison import p_value
from services.experiment_tracker.handlers import Reads
from services.experiment_tracker.ledger import MemoryLedger
from tests.unit.experiment_tracker import run_events
from tests.unit.experiment_tracker.run_events import PublishedEvent, record_all

Captured = pytest.CaptureFixture[str]
NUMBERS = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=4)


def run_id_of(seed: int, rate: str) -> str:
    return f"run-{'a' if rate == '0.001' else 'b'}{seed:019x}"


def events_of(seed: int, rate: str, value: float) -> list[PublishedEvent]:
    run_id = run_id_of(seed, rate)
    started = run_events.started(run_id=run_id, lr=rate)
    started.message.seed, started.message.parameters["seed"] = seed, str(seed)  # type: ignore[attr-defined]
    # Measured with the seed's own random choices: no difference of configuration.
    started.message.parameters["found_batch_size.image_bytes"] = str(1000 + seed)  # type: ignore[attr-defined]
    completed = run_events.compared(run_events.completed(run_id=run_id), fit=True)
    completed.message.metrics["box_AP50"] = value  # type: ignore[attr-defined]
    return [started, *(run_events.epoch_done(epoch, run_id=run_id) for epoch in (1, 2, 3)), completed]


# Two configurations with four seeds each, of which the second is better.
RUNS = [(seed, rate, base + 0.01 * seed) for rate, base in (("0.001", 0.5), ("0.01", 0.7)) for seed in (1, 2, 3, 4)]
IDS = [run_id_of(seed, rate) for seed, rate, _ in RUNS]


@asynccontextmanager
async def tracker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    ledger = MemoryLedger()
    record_all(ledger, [event for each in RUNS for event in events_of(*each)])
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), servicers=[Reads(ledger).add_to]) as port:
        monkeypatch.setenv("TRUSCORE_TRACKER_ADDRESS", f"127.0.0.1:{port}")
        yield


async def compared(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    async with tracker(monkeypatch):
        return await asyncio.to_thread(run, "compare", *arguments)


async def test_two_runs_show_what_differs_and_the_better_metric(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert await compared(monkeypatch, IDS[0], IDS[4], "--metric", "box_AP50") == 0
    shown = capsys.readouterr().out
    assert "hyperparameters.optimization.learning_rate" in shown
    assert "image_size" not in shown
    (row,) = [line for line in shown.splitlines() if line.strip().startswith("box_AP50  ") and "[" in line]
    assert "0.51 [0.7, 0.9]" in row
    assert "0.71" in row
    assert "▁" in shown


async def test_seeds_of_one_configuration_are_summed_up_and_configurations_told_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert await compared(monkeypatch, *IDS, "--metric", "box_AP50") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "0.525 ± 0.013 over 4 seeds" in shown
    assert "differ by 0.2, p = 0.029: more than chance" in shown


async def test_too_few_seeds_are_said_to_tell_nothing(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    assert await compared(monkeypatch, *IDS[:2], *IDS[4:6], "--metric", "box_AP50") == 0
    assert "so few seeds can't tell (at best p = 0.33)" in " ".join(capsys.readouterr().out.split())


async def test_as_json_the_comparison_has_curves_groups_and_differences(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert await compared(monkeypatch, *IDS, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["run_id"] for each in found["runs"]] == IDS
    assert found["runs"][0]["curves"]["box_AP50"] == [[1, 0.6], [2, 0.7], [3, 0.8]]
    turned = {"seed", "hyperparameters.optimization.learning_rate", "found_batch_size.image_bytes"}
    assert set(found["parameters"]) == turned
    assert [len(group["run_ids"]) for group in found["groups"]["box_AP50"]] == [4, 4]
    assert [each["metric"] for each in found["differences"]] == ["box_AP50"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([IDS[0]], 2, "run_ids has 1 runs, accepted are 2 to 20"),
        ([IDS[0], IDS[0]], 2, "twice"),
        ([IDS[0], "run-" + "f" * 20], 4, "is not on record"),
        (
            [*IDS[:2], "--metric", "mask_AP"],
            2,
            "--metric 'mask_AP' is on record of none of these runs; accepted: box_AP50",
        ),
    ],
)
async def test_what_cannot_be_compared_is_refused_by_name(
    arguments: list[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert await compared(monkeypatch, *arguments) == code
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_tracker_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("TRUSCORE_TRACKER_ADDRESS", "127.0.0.1:1")
    assert run("compare", *IDS[:2]) == 3
    assert "the experiment tracker at 127.0.0.1:1 does not answer" in capsys.readouterr().err


def test_of_twenty_ways_to_divide_six_values_two_differ_as_much_as_the_ordered_ones() -> None:
    assert p_value([1, 2, 3], [4, 5, 6]) == 2 / 20


@given(first=NUMBERS, second=NUMBERS)
def test_a_p_value_is_a_share_that_does_not_depend_on_the_order(first: list[float], second: list[float]) -> None:
    assert 0 < p_value(first, second) <= 1
    assert p_value(first, second) == pytest.approx(p_value(second[::-1], first[::-1]), abs=1e-9)
    assert p_value(first, first) == 1
