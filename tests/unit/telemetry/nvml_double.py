"""A double of NVML: answers as data, by the name of the call and its arguments after the GPU.

The answers are put together from NVML's documentation and have the types that pynvml returns; none was measured. What
is not among them is not supported, as on a card that does not tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pynvml

Answers = Mapping[tuple[Any, ...], Any]

HOPPER: Answers = {
    ("nvmlDeviceGetName",): "NVIDIA H100 80GB HBM3",
    ("nvmlDeviceGetMemoryInfo",): SimpleNamespace(total=85_520_809_984, used=61_203_283_968, free=24_317_526_016),
    ("nvmlDeviceGetUtilizationRates",): SimpleNamespace(gpu=98, memory=41),
    ("nvmlDeviceGetTemperature", pynvml.NVML_TEMPERATURE_GPU): 71,
    ("nvmlDeviceGetPowerUsage",): 642_531,
    ("nvmlDeviceGetTotalEnergyConsumption",): 918_273_645,
    ("nvmlDeviceGetClockInfo", pynvml.NVML_CLOCK_SM): 1410,
    ("nvmlDeviceGetClockInfo", pynvml.NVML_CLOCK_MEM): 2619,
    ("nvmlDeviceGetCurrentClocksThrottleReasons",): 0x4 | 0x40,
    ("nvmlDeviceGetPcieThroughput", pynvml.NVML_PCIE_UTIL_RX_BYTES): 2_048,
    ("nvmlDeviceGetPcieThroughput", pynvml.NVML_PCIE_UTIL_TX_BYTES): 512,
    ("nvmlDeviceGetTotalEccErrors", pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED, pynvml.NVML_VOLATILE_ECC): 3,
    ("nvmlDeviceGetTotalEccErrors", pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, pynvml.NVML_VOLATILE_ECC): 0,
}
# A card of a desk: no ECC, no energy counter, and only what every driver has.
PLAIN: Answers = {
    ("nvmlDeviceGetName",): "NVIDIA GeForce GTX 1050",
    ("nvmlDeviceGetMemoryInfo",): SimpleNamespace(total=2_147_483_648, used=310_378_496, free=1_837_105_152),
    ("nvmlDeviceGetTemperature", pynvml.NVML_TEMPERATURE_GPU): 44,
}


class NvmlDouble:
    """Stands in for the module pynvml, whose constants and types it has. `activity` are percents of SMs and tensor
    cores, where the card tells; `xids` are critical errors that are reported one after the other."""

    def __init__(self, *cards: Answers, activity: tuple[float, float] | None = None, xids: list[int] | None = None):
        self.cards, self.activity, self.xids = cards, activity, xids
        self.samples = 0

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("nvmlDevice"):
            return getattr(pynvml, name)
        return lambda card, *arguments: self._answer(name, card, arguments)

    def _answer(self, name: str, card: int, arguments: tuple[Any, ...]) -> Any:
        try:
            return self.cards[card][name, *arguments]
        except KeyError:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED) from None

    def nvmlInit(self) -> None:
        if not self.cards:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlEventSetCreate(self) -> str:
        return "events"

    def nvmlDeviceRegisterEvents(self, card: int, kinds: int, events: str) -> None:
        assert (kinds, events) == (pynvml.nvmlEventTypeXidCriticalError, "events")
        if self.xids is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    def nvmlEventSetWait_v2(self, events: str, timeout_ms: int) -> Any:
        assert timeout_ms == 0, "a reading waits for nothing"
        if not self.xids:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_TIMEOUT)
        return SimpleNamespace(eventType=pynvml.nvmlEventTypeXidCriticalError, eventData=self.xids.pop(0))

    def nvmlGpmQueryDeviceSupport(self, card: int) -> Any:
        return SimpleNamespace(isSupportedDevice=int(self.activity is not None))

    def nvmlGpmSampleAlloc(self) -> Any:
        self.samples += 1
        return pynvml.c_nvmlGpmSample_t()

    def nvmlGpmSampleGet(self, card: int, sample: Any) -> Any:
        return sample

    def nvmlGpmSampleFree(self, sample: Any) -> None:
        self.samples -= 1

    def nvmlGpmMetricsGet(self, asked: Any) -> Any:
        by_id = dict(
            zip(
                (pynvml.NVML_GPM_METRIC_SM_UTIL, pynvml.NVML_GPM_METRIC_ANY_TENSOR_UTIL),
                self.activity or (),
                strict=True,
            )
        )
        for metric in asked.metrics[: asked.numMetrics]:
            metric.nvmlReturn, metric.value = 0, by_id[metric.metricId]
        return asked
