"""NVIDIA GPUs as NVML reports them. Where there is no driver there are none."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pynvml

log = logging.getLogger("truscore.telemetry")

# https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html
REASONS: Final = {
    0x2: "applications_clocks_setting",
    0x4: "sw_power_cap",
    0x8: "hw_slowdown",
    0x10: "sync_boost",
    0x20: "sw_thermal_slowdown",
    0x40: "hw_thermal_slowdown",
    0x80: "hw_power_brake_slowdown",
    0x100: "display_clocks_setting",
}
MOST_EVENTS: Final = 100  # of one look
NVML_KB: Final = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuReading:
    """One GPU at one moment. What a GPU does not report is 0, or None where 0 is an answer."""

    index: int
    name: str
    utilization_percent: float
    memory_used_bytes: int
    memory_total_bytes: int
    temperature_celsius: float
    power_watts: float
    energy_joules: float = 0.0
    memory_utilization_percent: float = 0.0
    sm_clock_mhz: int = 0
    memory_clock_mhz: int = 0
    throttle_reasons: tuple[str, ...] = ()
    pcie_receive_bytes_per_second: float = 0.0
    pcie_send_bytes_per_second: float = 0.0
    ecc_corrected_errors: int = 0
    ecc_uncorrected_errors: int = 0
    last_xid: int = 0
    sm_active_percent: float | None = None
    tensor_active_percent: float | None = None


class Gpus:
    """All GPUs that this process can see, opened at the first reading. `library` is NVML, as pynvml has it."""

    def __init__(self, library: Any = pynvml) -> None:
        self._library = library
        self._gpus: list[_Gpu] | None = None

    def read(self) -> tuple[GpuReading, ...]:
        if self._gpus is None:
            self._gpus = _open(self._library)
        return tuple(gpu.read() for gpu in self._gpus)


def _open(library: Any) -> list["_Gpu"]:
    try:
        library.nvmlInit()
        handles = [library.nvmlDeviceGetHandleByIndex(index) for index in range(library.nvmlDeviceGetCount())]
    except pynvml.NVMLError as error:
        log.info("no GPUs: %s", error)
        return []
    return [_Gpu(library, index, handle) for index, handle in enumerate(handles)]


class _Gpu:
    """One GPU, its critical errors since it was opened, and the sample that the next one is compared with."""

    def __init__(self, library: Any, index: int, handle: Any) -> None:
        self._nvml, self._index, self._handle = library, index, handle
        self._last_xid = 0
        self._events = self._registered()
        self._before = self._activity_sample()

    def read(self) -> GpuReading:
        nvml, ask = self._nvml, self._ask
        memory, load = ask(nvml.nvmlDeviceGetMemoryInfo), ask(nvml.nvmlDeviceGetUtilizationRates)
        sm_active, tensor_active = self._activity()
        return GpuReading(
            index=self._index,
            name=str(ask(nvml.nvmlDeviceGetName) or ""),
            utilization_percent=float(load.gpu) if load else 0.0,
            memory_used_bytes=int(memory.used) if memory else 0,
            memory_total_bytes=int(memory.total) if memory else 0,
            temperature_celsius=float(ask(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU) or 0),
            power_watts=float(ask(nvml.nvmlDeviceGetPowerUsage) or 0) / 1000,  # NVML says milliwatts
            energy_joules=float(ask(nvml.nvmlDeviceGetTotalEnergyConsumption) or 0) / 1000,  # millijoules
            memory_utilization_percent=float(load.memory) if load else 0.0,
            sm_clock_mhz=int(ask(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_SM) or 0),
            memory_clock_mhz=int(ask(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_MEM) or 0),
            throttle_reasons=reasons_of(ask(nvml.nvmlDeviceGetCurrentClocksThrottleReasons) or 0),
            pcie_receive_bytes_per_second=self._pcie(nvml.NVML_PCIE_UTIL_RX_BYTES),
            pcie_send_bytes_per_second=self._pcie(nvml.NVML_PCIE_UTIL_TX_BYTES),
            ecc_corrected_errors=self._ecc(nvml.NVML_MEMORY_ERROR_TYPE_CORRECTED),
            ecc_uncorrected_errors=self._ecc(nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED),
            last_xid=self._xid(),
            sm_active_percent=sm_active,
            tensor_active_percent=tensor_active,
        )

    def _ask(self, query: Callable[..., Any], *arguments: Any) -> Any:
        return _answer(query, self._handle, *arguments)

    def _pcie(self, direction: int) -> float:
        """Bytes a second, of 20 ms in which NVML counts; it says kB."""
        return float(self._ask(self._nvml.nvmlDeviceGetPcieThroughput, direction) or 0) * NVML_KB

    def _ecc(self, kind: int) -> int:
        return int(self._ask(self._nvml.nvmlDeviceGetTotalEccErrors, kind, self._nvml.NVML_VOLATILE_ECC) or 0)

    def _registered(self) -> Any:
        """A set of events that takes the GPU's critical errors; None where it reports none."""
        nvml = self._nvml
        events = _answer(nvml.nvmlEventSetCreate)
        try:
            nvml.nvmlDeviceRegisterEvents(self._handle, nvml.nvmlEventTypeXidCriticalError, events)
        except pynvml.NVMLError as error:
            log.info("GPU %d reports no critical errors: %s", self._index, error)
            return None
        return events

    def _xid(self) -> int:
        for _ in range(MOST_EVENTS if self._events is not None else 0):
            event = _answer(self._nvml.nvmlEventSetWait_v2, self._events, 0)
            if event is None:  # it timed out: there are no more
                break
            self._last_xid = int(event.eventData)
        return self._last_xid

    def _activity_sample(self) -> Any:
        """Counters of the engines, which Hopper and later have (NVML's GPM); None elsewhere."""
        support = self._ask(self._nvml.nvmlGpmQueryDeviceSupport)
        if support is None or not support.isSupportedDevice:
            return None
        sample = _answer(self._nvml.nvmlGpmSampleAlloc)
        if sample is not None and self._ask(self._nvml.nvmlGpmSampleGet, sample) is None:
            _answer(self._nvml.nvmlGpmSampleFree, sample)
            return None
        return sample

    def _activity(self) -> tuple[float | None, float | None]:
        """Percent of time, since the reading before, in which multiprocessors and tensor cores were busy."""
        before, self._before = self._before, self._activity_sample() if self._before is not None else None
        if before is None or self._before is None:
            return None, None
        nvml = self._nvml
        asked = nvml.c_nvmlGpmMetricsGet_t()
        asked.version, asked.numMetrics = nvml.NVML_GPM_METRICS_GET_VERSION, 2
        asked.sample1, asked.sample2 = before, self._before
        asked.metrics[0].metricId = nvml.NVML_GPM_METRIC_SM_UTIL
        asked.metrics[1].metricId = nvml.NVML_GPM_METRIC_ANY_TENSOR_UTIL
        found = _answer(nvml.nvmlGpmMetricsGet, asked)
        _answer(nvml.nvmlGpmSampleFree, before)
        if found is None:
            return None, None
        sm, tensor = (metric.value if metric.nvmlReturn == 0 else None for metric in asked.metrics[:2])
        return sm, tensor


def reasons_of(bits: int) -> tuple[str, ...]:
    """Why clocks are lowered, by name; an idle GPU lowers them too and that is none."""
    return tuple(name for bit, name in REASONS.items() if bits & bit)


def _answer(query: Callable[..., Any], *arguments: Any) -> Any:
    """The answer, or None: not every GPU (nor every slice of one, nor every driver) reports everything."""
    with contextlib.suppress(pynvml.NVMLError):
        return query(*arguments)
    return None
