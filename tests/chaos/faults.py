"""What is done to the system, one fault after another, drawn by a seeded generator."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

import psutil

from tests.chaos.system import BROKER, STORE, WORKING, Instance, System
from tests.small_disk import SmallDisk

# A run whose training process dies three times without an epoch is given up, and rightly.
MOST_KILLS_OF_A_RUN = 2
OUTAGE_S = (1.0, 6.0)
PAUSE_S = (2.0, 12.0)
FULL_S = (2.0, 10.0)
# What RabbitMQ is left: less than its `disk_free_limit`, at which it stops taking messages, and enough to go on with.
BROKER_LEFT_BYTES = 64 << 20


def _any(system: System) -> Instance:
    return system.random.choice([each for each in system.instances if not each.spared])


async def kill_a_service(system: System) -> str:
    instance = _any(system)
    instance.signal(signal.SIGKILL)
    return f"SIGKILL {instance.name}"


async def drain_a_service(system: System) -> str:
    instance = _any(system)
    instance.signal(signal.SIGTERM)
    return f"SIGTERM {instance.name}"


async def freeze_a_service(system: System) -> str:
    instance, seconds = _any(system), system.random.uniform(*PAUSE_S)
    instance.signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    instance.signal(signal.SIGCONT)
    return f"SIGSTOP {instance.name} for {seconds:.1f} s"


async def kill_a_training_process(system: System) -> str:
    found = system.training_processes()
    for process in system.random.sample(list(found), len(found)):
        with suppress(psutil.NoSuchProcess):
            folder = str(found[process].parent)
            if system.kills[folder] < MOST_KILLS_OF_A_RUN:
                system.kills[folder] += 1
                process.kill()
                return "SIGKILL a training process"
    return ""


async def kill_the_broker(system: System) -> str:
    seconds = system.random.uniform(*OUTAGE_S)
    await asyncio.to_thread(system.broker.kill)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(system.broker.start)
    return f"SIGKILL the broker, away for {seconds:.1f} s"


async def kill_the_store(system: System) -> str:
    seconds = system.random.uniform(*OUTAGE_S)
    await asyncio.to_thread(system.store.kill)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(system.store.start)
    return f"SIGKILL the store, away for {seconds:.1f} s"


async def fill_a_disk_of_a_service(system: System) -> str:
    instance = system.random.choice([each for each in system.instances if each.package in WORKING])
    return await _filled(system, instance.name)


async def fill_the_disk_of_the_store(system: System) -> str:
    words = await _filled(system, STORE)
    if words:
        # SeaweedFS's index takes nothing more after a write that found no room, until it is started again: what an
        # orchestrator does with a server that refuses every write.
        await asyncio.to_thread(system.store.kill)
        await asyncio.to_thread(system.store.start)
    return words


async def fill_the_disk_of_the_broker(system: System) -> str:
    return await _filled(system, BROKER, leave_bytes=BROKER_LEFT_BYTES)


async def _filled(system: System, name: str, *, leave_bytes: int = 0) -> str:
    disk: SmallDisk | None = system.disks.get(name)
    if disk is None:
        return ""
    seconds = system.random.uniform(*FULL_S)
    await asyncio.to_thread(disk.fill, leave_bytes=leave_bytes)
    try:
        await asyncio.sleep(seconds)
    finally:
        await asyncio.to_thread(disk.release)
    return f"full disk of {name} for {seconds:.1f} s"


# By how often each is drawn.
FAULTS: Mapping[Callable[[System], Awaitable[str]], int] = MappingProxyType(
    {
        kill_a_service: 6,
        drain_a_service: 2,
        freeze_a_service: 2,
        kill_a_training_process: 4,
        kill_the_broker: 1,
        kill_the_store: 1,
        fill_a_disk_of_a_service: 3,
        fill_the_disk_of_the_store: 1,
        fill_the_disk_of_the_broker: 1,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Injected:
    """A fault that was: its name in ``FAULTS``, and words for what it met."""

    name: str
    words: str


async def inject(
    system: System, *, every_s: tuple[float, float], note: Callable[[Injected], None], first: Sequence[str] = ()
) -> None:
    """Until cancelled, which waits for a fault under way: broker, store and disks are as they were at the end.

    ``first``: names of faults that come before any is drawn.
    """
    kinds, weights = list(FAULTS), list(FAULTS.values())
    named = [fault for name in first for fault in kinds if fault.__name__ == name]
    while True:
        await asyncio.sleep(system.random.uniform(*every_s))
        fault = named.pop(0) if named else system.random.choices(kinds, weights)[0]
        under_way = asyncio.ensure_future(fault(system))
        try:
            await asyncio.shield(under_way)
        finally:
            if words := await under_way:
                note(Injected(name=fault.__name__, words=words))
