"""Readings of the machine are whole and plausible wherever the tests run."""

from dataclasses import fields
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from truscore.events.v1.telemetry_pb2 import GpuSample, HardwareSampled
from truscore.telemetry import GpuReading, HardwareReading, HardwareSampler
from truscore.telemetry.hardware import free_bytes, rate


def test_a_reading_has_the_fields_of_the_event() -> None:
    assert {field.name for field in fields(HardwareReading)} == set(HardwareSampled.DESCRIPTOR.fields_by_name)
    assert {field.name for field in fields(GpuReading)} == set(GpuSample.DESCRIPTOR.fields_by_name)


def test_a_reading_is_plausible(tmp_path: Path) -> None:
    sampler = HardwareSampler("trainer", tmp_path)
    reading = sampler.sample(run_id="run-1")
    assert (reading.service, reading.run_id) == ("trainer", "run-1")
    assert 0 <= reading.cpu_percent <= 100
    assert 0 < reading.memory_used_bytes < reading.memory_total_bytes == psutil.virtual_memory().total
    assert 0 < reading.process_memory_bytes < reading.memory_total_bytes
    assert reading.disk_free_bytes > 0
    assert all(0 <= gpu.utilization_percent <= 100 and gpu.memory_total_bytes > 0 for gpu in reading.gpus)


def test_the_workdir_need_not_be_there_yet(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") == pytest.approx(free_bytes(tmp_path), rel=0.1)


def test_two_readings_at_the_same_moment_have_no_rates(tmp_path: Path) -> None:
    sampler = HardwareSampler("trainer", tmp_path, clock=lambda: 5.0)
    assert sampler.sample().network_receive_bytes_per_second == 0
    assert sampler.sample().disk_read_bytes_per_second == 0


@given(before=st.integers(0, 2**60), moved=st.integers(-(2**40), 2**40), elapsed_s=st.floats(-10, 10))
def test_a_rate_is_never_negative(before: int, moved: int, elapsed_s: float) -> None:
    assert rate(before, before + moved, elapsed_s) >= 0


def test_a_rate_is_bytes_over_seconds() -> None:
    assert rate(1000, 4000, 1.5) == 2000
