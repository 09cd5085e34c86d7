"""HardwareSampled, said while the exporter works."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from truscore.bus import BusUnavailable, Speaker, hardware_sampled
from truscore.telemetry import HardwareReading

log = logging.getLogger(__name__)

Sample = Callable[[str], HardwareReading]


@asynccontextmanager
async def working(speaker: Speaker, sample: Sample, run_id: str, *, every_s: float) -> AsyncIterator[None]:
    """Says at once and every so often what the work takes, until it is left."""
    saying = asyncio.create_task(_say(speaker, sample, run_id, every_s))
    try:
        yield
    finally:
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)


async def _say(speaker: Speaker, sample: Sample, run_id: str, every_s: float) -> None:
    while True:
        reading = await asyncio.to_thread(sample, run_id)
        event = hardware_sampled(reading)
        try:
            await speaker.say(event, subject=run_id, sequence=f"{event.host} {event.sampled_at.ToJsonString()}")
        except BusUnavailable as error:
            log.warning("a hardware sample was not said: %s", error)
        await asyncio.sleep(every_s)
