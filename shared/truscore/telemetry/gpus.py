"""NVIDIA GPUs as NVML reports them. Where there is no driver there are none."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pynvml

log = logging.getLogger("truscore.telemetry")


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuReading:
    """One GPU at one moment. What a GPU does not report is 0."""

    index: int
    name: str
    utilization_percent: float
    memory_used_bytes: int
    memory_total_bytes: int
    temperature_celsius: float
    power_watts: float


class Gpus:
    """All GPUs that this process can see, opened at the first reading."""

    def __init__(self) -> None:
        self._handles: list[Any] | None = None

    def read(self) -> tuple[GpuReading, ...]:
        if self._handles is None:
            self._handles = _open()
        return tuple(_read(index, handle) for index, handle in enumerate(self._handles))


def _open() -> list[Any]:
    try:
        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError as error:
        log.info("no GPUs: %s", error)
        return []


def _read(index: int, handle: Any) -> GpuReading:
    memory = _query(pynvml.nvmlDeviceGetMemoryInfo, handle)
    load = _query(pynvml.nvmlDeviceGetUtilizationRates, handle)
    return GpuReading(
        index=index,
        name=str(_query(pynvml.nvmlDeviceGetName, handle) or ""),
        utilization_percent=float(load.gpu) if load else 0.0,
        memory_used_bytes=int(memory.used) if memory else 0,
        memory_total_bytes=int(memory.total) if memory else 0,
        temperature_celsius=float(_query(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU) or 0),
        power_watts=float(_query(pynvml.nvmlDeviceGetPowerUsage, handle) or 0) / 1000,  # NVML says milliwatts.
    )


def _query(query: Callable[..., Any], *arguments: Any) -> Any:
    """The answer, or None: not every GPU (nor every slice of one) reports everything."""
    with contextlib.suppress(pynvml.NVMLError):
        return query(*arguments)
    return None
