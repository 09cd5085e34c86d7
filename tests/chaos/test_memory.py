"""The slope test finds a leak beneath noise, and takes noise for none."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.chaos.memory import slopes

EVERY_S = 5.0
SAMPLES = 360  # half an hour


def held(mb_per_hour: float) -> list[int]:
    noise: NDArray[np.float64] = np.random.default_rng(1).normal(0, 1, SAMPLES)
    grown = np.arange(SAMPLES) * EVERY_S / 3600 * mb_per_hour
    return [int(value) for value in (80 + grown + noise) * 1e6]


def test_a_leak_of_a_kilobyte_and_a_half_an_order_is_found() -> None:
    found = slopes({"trainer-1#1": held(30), "trainer-2#1": held(0)[:20]}, every_s=EVERY_S)["trainer"]
    assert not found.flat
    assert found.low_mb_per_hour < 30 < found.high_mb_per_hour


def test_noise_is_no_leak() -> None:
    assert slopes({"monitor-1#1": held(0)}, every_s=EVERY_S)["monitor"].flat


def test_what_fills_in_the_beginning_is_no_leak() -> None:
    warm = [int(value * 1e6) for value in np.linspace(60, 100, SAMPLES // 4)] + held(0)
    assert slopes({"exporter-1#1": warm}, every_s=EVERY_S)["exporter"].flat


@pytest.mark.parametrize("at", [0.4, 0.5, 0.6, 0.7, 0.8, 0.95])
def test_what_comes_once_is_no_leak_whenever_it_comes(at: float) -> None:
    """As the modules of a trainer's first run do, and the arenas of its first uploads."""
    stepped = [value + (80_000_000 if number > at * SAMPLES else 0) for number, value in enumerate(held(0))]
    assert slopes({"trainer-1#1": stepped}, every_s=EVERY_S)["trainer"].flat


def test_a_short_life_is_not_judged() -> None:
    assert slopes({"exporter-1#1": held(3000)[:50]}, every_s=EVERY_S)["exporter"].flat
