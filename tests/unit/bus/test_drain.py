"""How services that work tell of their machine, and let go of an order."""

import asyncio
import dataclasses
from pathlib import Path

import pytest
from truscore.bus import HandBack, finish_or_hand_back, hardware_sampled
from truscore.events.v1.telemetry_pb2 import GpuSample, HardwareSampled
from truscore.telemetry import HardwareReading, HardwareSampler
from truscore.telemetry.gpus import GpuReading


def test_a_hardware_reading_fills_every_field_of_its_event(tmp_path: Path) -> None:
    for reading, event in ((HardwareReading, HardwareSampled), (GpuReading, GpuSample)):
        assert {field.name for field in dataclasses.fields(reading)} == set(event.DESCRIPTOR.fields_by_name)
    reading = HardwareSampler("trainer", tmp_path).sample("run-1")
    event = hardware_sampled(reading)
    assert (event.service, event.run_id, event.host) == ("trainer", "run-1", reading.host)
    assert event.sampled_at.ToDatetime(reading.sampled_at.tzinfo) == reading.sampled_at


async def test_work_that_ends_gives_what_it_made_or_raises_what_it_raised() -> None:
    async def work(fault: Exception | None = None) -> str:
        if fault:
            raise fault
        return "made"

    assert await finish_or_hand_back(asyncio.Event(), work()) == "made"
    with pytest.raises(ValueError, match="broken"):
        await finish_or_hand_back(asyncio.Event(), work(ValueError("broken")))


async def test_work_in_hand_is_cancelled_and_handed_back_when_the_service_drains() -> None:
    begun, draining, cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    handling = asyncio.ensure_future(finish_or_hand_back(draining, work()))
    await begun.wait()
    draining.set()
    with pytest.raises(HandBack):
        await handling
    assert cancelled.is_set()
