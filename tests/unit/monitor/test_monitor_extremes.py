"""Curves of any length in bounded memory: every extreme is kept, and the order of events changes nothing."""

from __future__ import annotations

from math import inf, isnan, nan

from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.api.v1 import monitor_pb2
from truscore.events.v1 import telemetry_pb2

from services.monitor.extremes import MAX_BUCKETS, MAX_SERIES, Series, thinned, with_value, with_values
from services.monitor.handlers.answers import curves_answer, hardware_answer
from services.monitor.run import Run
from tests.unit.monitor import event_sequences
from tests.unit.monitor.event_sequences import RUN, board_after

Reports = list[tuple[int, float, int]]
reports = st.lists(
    st.tuples(
        st.integers(0, 400), st.sampled_from((0.0, 1.0, -1.0, 0.5, inf, -inf)) | st.floats(-9, 9), st.integers(1, 2)
    ),
    max_size=60,
)


def series_of(values: Reports, *, max_buckets: int = MAX_BUCKETS) -> Series:
    series = Series()
    for step, value, attempt in values:
        series = with_value(series, step, value, attempt, max_buckets=max_buckets)
    return series


@given(values=reports, data=st.data())
@settings(max_examples=200, deadline=None)
def test_the_order_and_repeats_of_reports_change_nothing(values: Reports, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(values + values[:5]))
    assert series_of(values, max_buckets=8) == series_of(shuffled, max_buckets=8)


@given(values=reports)
@settings(max_examples=200, deadline=None)
def test_each_extreme_of_one_attempt_is_kept_however_thin_the_curve_is(values: Reports) -> None:
    values = [(step, value, 1) for step, value, _ in values]
    series = series_of(values, max_buckets=8)
    for shown in (series, thinned(series, 2)):
        points = shown.points()
        assert set(points) <= {(step, value) for step, value, _ in values}
        if values:
            assert max(value for _, value in points) == max(value for _, value, _ in values)
            assert min(value for _, value in points) == min(value for _, value, _ in values)
    assert len(series) <= 8
    assert len(thinned(series, 2).points()) <= 2


def test_one_spike_among_a_hundred_thousand_steps_is_drawn_and_so_is_one_value_that_is_none() -> None:
    series = Series()
    for step in range(100_000):
        value = 77.0 if step == 31_337 else nan if step == 4_242 else 1.0 + step % 7
        series = with_value(series, step, value, 1)
    points = series.points()
    assert (31_337, 77.0) in points
    assert [step for step, value in points if isnan(value)] == [4_242]
    assert len(points) <= 2 * MAX_BUCKETS
    assert points == sorted(points, key=lambda each: each[0])


def test_a_later_attempt_replaces_what_it_trains_again() -> None:
    series = series_of([(1, 5.0, 1), (2, 9.0, 1), (2, 3.0, 2), (2, 99.0, 1)])
    assert series.points() == [(1, 5.0), (2, 3.0)]


def test_the_number_of_curves_is_bounded_whatever_the_order_of_their_names() -> None:
    names = [f"loss.{number:02}" for number in range(2 * MAX_SERIES)]
    held = with_values({}, dict.fromkeys(names, 1.0), 1, 1)
    again = with_values({}, dict.fromkeys(names[MAX_SERIES:], 1.0), 1, 1)
    again = with_values(again, dict.fromkeys(names[:MAX_SERIES], 1.0), 1, 1)
    assert list(held) == list(again) == names[:MAX_SERIES]


def test_a_run_answers_the_curves_of_what_its_reports_carry() -> None:
    events = [event_sequences.progressed(step, loss=1 / step) for step in range(1, 101)]
    for event in events:
        message = event.message
        message.loss_parts.update({"mask": 0.25})  # type: ignore[attr-defined]
        message.gradient_norm = 2.5  # type: ignore[attr-defined]
    run = board_after([event_sequences.started(), *events]).find(RUN)
    assert isinstance(run, Run)
    everything = curves_answer(run, monitor_pb2.GetCurvesRequest(run_id=RUN))
    names = [curve.name for curve in everything.curves]
    assert names == ["gradient_norm", "images_per_second", "learning_rate", "loss", "loss.mask"]
    asked = monitor_pb2.GetCurvesRequest(run_id=RUN, names=["loss"], max_points=10, first_step=20, last_step=100)
    (loss,) = curves_answer(run, asked).curves
    assert 0 < len(loss.steps) <= 10
    assert loss.values[-1] == 1 / 100
    assert min(loss.steps) >= 20
    assert loss.bucket_steps > 1


def test_a_run_answers_what_its_hosts_did_over_its_time() -> None:
    gpu = telemetry_pb2.GpuSample(index=1, utilization_percent=90, power_watts=300)
    samples = [event_sequences.sampled(2.0 * n, host="a", cpu_percent=float(n)) for n in range(1000)]
    dip = event_sequences.sampled(501.0, host="a", cpu_percent=100.0, disk_read_bytes_per_second=3e6)
    other = event_sequences.sampled(7.0, host="b", gpus=[gpu], disk_write_bytes_per_second=2e6)
    run = board_after([event_sequences.started(), *samples, dip, other]).find(RUN)
    turned = board_after([other, dip, *reversed(samples), event_sequences.started()]).find(RUN)
    assert isinstance(run, Run)
    assert isinstance(turned, Run)
    assert run.hardware_series == turned.hardware_series
    curves = hardware_answer(run, monitor_pb2.GetHardwareRequest(run_id=RUN, max_points=100)).curves
    found = {(curve.host, curve.name): curve for curve in curves}
    of_hosts = ["cpu_percent", "disk_bytes_per_second", "memory_used_bytes", "network_bytes_per_second",
                "process_cpu_percent", "process_memory_bytes"]  # fmt: skip
    of_gpus = [f"gpu.1.{name}" for name in ("memory_used_bytes", "power_watts", "temperature_celsius",
                                            "utilization_percent")]  # fmt: skip
    assert list(found) == [*(("a", name) for name in of_hosts), *(("b", name) for name in sorted(of_hosts + of_gpus))]
    busy = found["a", "cpu_percent"]
    assert len(busy.values) <= 100
    assert busy.values[list(busy.sampled_at_s).index(int(event_sequences.BEGIN_S) + 501)] == 100.0
    assert (busy.sampled_at_s[0], busy.values[0]) == (int(event_sequences.BEGIN_S), 0.0)
    assert max(busy.values) == 999.0
    assert max(found["a", "disk_bytes_per_second"].values) == 3e6
    assert list(found["b", "gpu.1.power_watts"].values) == [300.0]
