"""GPUs through a double of NVML: no GPU is needed, and none of these figures was measured on one."""

import pynvml
import pytest
from truscore.telemetry.gpus import GpuReading, Gpus, reasons_of

from tests.unit.telemetry.nvml_double import HOPPER, PLAIN, NvmlDouble


def test_what_a_card_tells_is_read_in_the_units_of_the_contract() -> None:
    gpus = Gpus(NvmlDouble(HOPPER, activity=(87.5, 61.0), xids=[]))
    first, second = gpus.read(), gpus.read()
    assert second == (
        GpuReading(
            index=0,
            name="NVIDIA H100 80GB HBM3",
            utilization_percent=98,
            memory_used_bytes=61_203_283_968,
            memory_total_bytes=85_520_809_984,
            temperature_celsius=71,
            power_watts=642.531,
            energy_joules=918_273.645,
            memory_utilization_percent=41,
            sm_clock_mhz=1410,
            memory_clock_mhz=2619,
            throttle_reasons=("sw_power_cap", "hw_thermal_slowdown"),
            pcie_receive_bytes_per_second=2_097_152,
            pcie_send_bytes_per_second=524_288,
            ecc_corrected_errors=3,
            ecc_uncorrected_errors=0,
            last_xid=0,
            sm_active_percent=87.5,
            tensor_active_percent=61.0,
        ),
    )
    assert first[0].name == second[0].name


def test_a_card_that_tells_little_has_zeros_and_no_activity() -> None:
    (reading,) = Gpus(NvmlDouble(PLAIN)).read()
    assert reading == GpuReading(
        index=0,
        name="NVIDIA GeForce GTX 1050",
        utilization_percent=0,
        memory_used_bytes=310_378_496,
        memory_total_bytes=2_147_483_648,
        temperature_celsius=44,
        power_watts=0,
    )


def test_the_last_critical_error_stays_and_later_ones_take_its_place() -> None:
    nvml = NvmlDouble(HOPPER, xids=[])
    gpus = Gpus(nvml)
    assert gpus.read()[0].last_xid == 0
    nvml.xids = [48, 79]
    assert [gpus.read()[0].last_xid, gpus.read()[0].last_xid] == [79, 79]


def test_a_thousand_readings_hold_one_sample_of_the_engines() -> None:
    nvml = NvmlDouble(HOPPER, activity=(1.0, 1.0))
    gpus = Gpus(nvml)
    for _ in range(1000):
        gpus.read()
    assert nvml.samples == 1


def test_a_machine_without_the_library_has_no_gpus() -> None:
    assert Gpus(NvmlDouble()).read() == ()


@pytest.mark.parametrize(
    ("bits", "names"),
    [
        (pynvml.nvmlClocksThrottleReasonGpuIdle, ()),
        (pynvml.nvmlClocksThrottleReasonSwThermalSlowdown, ("sw_thermal_slowdown",)),
        (pynvml.nvmlClocksThrottleReasonHwThermalSlowdown, ("hw_thermal_slowdown",)),
        (pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown, ("hw_power_brake_slowdown",)),
        (pynvml.nvmlClocksThrottleReasonSyncBoost, ("sync_boost",)),
        (0x10000, ()),
    ],
)
def test_reasons_have_the_names_of_the_contract(bits: int, names: tuple[str, ...]) -> None:
    assert reasons_of(bits) == names
