"""The board as Prometheus metrics, computed when asked. Labels are bounded: so many live runs and hosts, no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from math import nan

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.monitor.board import Board, stage_of_entry
from services.monitor.facts import GpuLoad, Sampled
from services.monitor.run import Run
from services.monitor.stage import Stage, epoch_of, pace_of, stage_of

MAX_RUNS = 32
MAX_HOSTS = 64
PREFIX = "truscore_monitor"

RUN_GAUGES: tuple[tuple[str, str, Callable[[Run], float]], ...] = (
    ("run_epoch", "Last completed epoch", epoch_of),
    ("run_step", "Optimiser steps done", lambda run: run.latest.step if run.latest else 0),
    ("run_train_loss", "Training loss as last reported", lambda run: run.latest.loss if run.latest else float("nan")),
    ("run_images_per_second", "Images trained per second", lambda run: pace_of(run).images_per_second),
    ("run_eta_seconds", "Seconds until the run ends", lambda run: pace_of(run).eta_s),
    ("run_eta_low_seconds", "Seconds that one run in ten ends before", lambda run: pace_of(run).eta_low_s),
    ("run_eta_high_seconds", "Seconds that one run in ten ends after", lambda run: pace_of(run).eta_high_s),
    ("run_attempt", "Attempt under way", lambda run: run.started.event.attempt if run.started else 0),
)
HOST_GAUGES: tuple[tuple[str, str, Callable[[Sampled], float]], ...] = (
    ("host_cpu_percent", "Processor load over all cores", lambda host: host.cpu_percent),
    ("host_memory_used_bytes", "Memory of the host in use", lambda host: host.memory_used_bytes),
    ("host_memory_total_bytes", "Memory of the host", lambda host: host.memory_total_bytes),
    ("host_process_memory_bytes", "Memory of the service and its children", lambda host: host.process_memory_bytes),
    ("host_disk_free_bytes", "Free disk where the service works", lambda host: host.disk_free_bytes),
    ("host_process_cpu_percent", "Processor time of the service, of one core", lambda host: host.process_cpu_percent),
    (
        "host_process_disk_read_bytes_per_second",
        "Bytes that the service reads from disks",
        lambda host: host.process_disk_read_bytes_per_second,
    ),
    (
        "host_process_disk_write_bytes_per_second",
        "Bytes that the service writes to disks",
        lambda host: host.process_disk_write_bytes_per_second,
    ),
    ("host_cgroup_memory_bytes", "Memory of the service's control group", lambda host: host.cgroup_memory_bytes),
    (
        "host_cgroup_memory_limit_bytes",
        "Memory that the control group may hold, 0 for any",
        lambda host: host.cgroup_memory_limit_bytes,
    ),
    (
        "host_cgroup_cpu_throttled_percent",
        "Share of time kept from running by the limit",
        lambda host: host.cgroup_cpu_throttled_percent,
    ),
    ("host_sampled_timestamp_seconds", "When the host was last sampled", lambda host: host.sampled_at),
)
GPU_GAUGES: tuple[tuple[str, str, Callable[[GpuLoad], float]], ...] = (
    ("gpu_utilization_percent", "Share of time with a kernel running", lambda gpu: gpu.utilization_percent),
    ("gpu_memory_used_bytes", "GPU memory in use", lambda gpu: gpu.memory_used_bytes),
    ("gpu_memory_total_bytes", "GPU memory", lambda gpu: gpu.memory_total_bytes),
    ("gpu_temperature_celsius", "GPU temperature", lambda gpu: gpu.temperature_celsius),
    ("gpu_power_watts", "Power drawn", lambda gpu: gpu.power_watts),
    ("gpu_energy_joules", "Energy drawn since the driver was loaded", lambda gpu: gpu.energy_joules),
    ("gpu_memory_utilization_percent", "Share of time with memory in use", lambda gpu: gpu.memory_utilization_percent),
    ("gpu_sm_clock_mhz", "Clock of the multiprocessors", lambda gpu: gpu.sm_clock_mhz),
    ("gpu_memory_clock_mhz", "Clock of the memory", lambda gpu: gpu.memory_clock_mhz),
    ("gpu_throttle_reasons", "Reasons for lower clocks, how many", lambda gpu: len(gpu.throttle_reasons)),
    ("gpu_pcie_receive_bytes_per_second", "Bytes over PCIe, in", lambda gpu: gpu.pcie_receive_bytes_per_second),
    ("gpu_pcie_send_bytes_per_second", "Bytes over PCIe, out", lambda gpu: gpu.pcie_send_bytes_per_second),
    ("gpu_ecc_corrected_errors", "Corrected memory errors", lambda gpu: gpu.ecc_corrected_errors),
    ("gpu_ecc_uncorrected_errors", "Uncorrected memory errors", lambda gpu: gpu.ecc_uncorrected_errors),
    ("gpu_last_xid", "Last critical error (Xid), 0 for none", lambda gpu: gpu.last_xid),
    ("gpu_sm_active_percent", "Share of time with multiprocessors busy", lambda gpu: _known(gpu.sm_active_percent)),
    (
        "gpu_tensor_active_percent",
        "Share of time, tensor cores busy",
        lambda gpu: _known(gpu.tensor_active_percent),
    ),
)


def _known(value: float | None) -> float:
    return nan if value is None else value


class Gauges(Collector):
    """Counts what is consumed and shows the board to Prometheus. It is called from another thread: copy, then look."""

    def __init__(self, board: Board, *, watchers: Callable[[], int]) -> None:
        self._board = board
        self._watchers = watchers
        self._caught_up: Callable[[], bool] = lambda: False
        self._consumed: Counter[str] = Counter()

    def count(self, event_type: str) -> None:
        self._consumed[event_type] += 1

    def register(self, registry: CollectorRegistry, caught_up: Callable[[], bool]) -> None:
        self._caught_up = caught_up
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        yield self._events()
        yield _gauge("caught_up", "Whether the event log has been read to its end", float(self._caught_up()))
        yield _gauge("watchers", "Clients that watch a run", self._watchers())
        yield self._stages()
        yield self._alerts()
        yield from self._of_runs()
        yield from self._of_hosts()

    def _events(self) -> Metric:
        events = CounterMetricFamily(f"{PREFIX}_events", "Events consumed, with repeats", labels=["type"])
        for event_type, count in list(self._consumed.items()):
            events.add_metric([event_type], count)
        return events

    def _stages(self) -> Metric:
        stages = Counter(stage_of_entry(entry) for entry in self._board.entries())
        family = GaugeMetricFamily(f"{PREFIX}_runs", "Runs and orders by where they stand", labels=["state"])
        for stage in Stage:
            if stage is not Stage.UNKNOWN:
                family.add_metric([stage.lower()], stages[stage])
        return family

    def _alerts(self) -> Metric:
        standing = [each.raised for each in list(self._board.alerts.values()) if each.raised and each.stands]
        family = GaugeMetricFamily(f"{PREFIX}_alerts", "Alerts that stand", labels=["rule", "severity"])
        for (rule, severity), count in Counter((alert.rule, alert.severity) for alert in standing).items():
            family.add_metric([rule, severity], count)
        return family

    def _of_runs(self) -> Iterator[Metric]:
        training = [run for run in list(self._board.runs.values()) if stage_of(run) is Stage.TRAINING]
        newest = sorted(training, key=lambda run: run.last_event_at, reverse=True)[:MAX_RUNS]
        for name, meaning, read in RUN_GAUGES:
            family = GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=["run_id"])
            for run in newest:
                family.add_metric([run.run_id], read(run))
            yield family

    def _of_hosts(self) -> Iterator[Metric]:
        newest = sorted(self._board.hosts.values(), key=lambda host: host.sampled_at, reverse=True)[:MAX_HOSTS]
        for name, meaning, read in HOST_GAUGES:
            family = GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=["host", "service"])
            for host in newest:
                family.add_metric([host.host, host.service], read(host))
            yield family
        for name, meaning, read_gpu in GPU_GAUGES:
            yield _gpu_family(name, meaning, read_gpu, newest)


def _gpu_family(name: str, meaning: str, read: Callable[[GpuLoad], float], hosts: Iterable[Sampled]) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=["host", "gpu"])
    # Services on one host see the same GPUs; the newest sample speaks for them.
    shown: set[tuple[str, int]] = set()
    for host in hosts:
        for gpu in host.gpus:
            if (host.host, gpu.index) not in shown:
                shown.add((host.host, gpu.index))
                family.add_metric([host.host, str(gpu.index)], read(gpu))
    return family


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", meaning, value=value)
