"""What the machine is doing: load, memory, disks, networks, GPUs. Knows no event that may carry it."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from truscore.telemetry.gpus import GpuReading, Gpus


@dataclass(frozen=True, kw_only=True, slots=True)
class HardwareReading:
    """One host and one working process at one moment; units are in the names, percents go from 0 to 100."""

    service: str
    host: str
    sampled_at: datetime
    run_id: str
    cpu_percent: float
    memory_used_bytes: int
    memory_total_bytes: int
    process_memory_bytes: int
    disk_read_bytes_per_second: float
    disk_write_bytes_per_second: float
    network_receive_bytes_per_second: float
    network_send_bytes_per_second: float
    gpus: tuple[GpuReading, ...]
    disk_free_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """Bytes moved since the machine started, at a moment of a steady clock."""

    at_s: float
    disk_read: int
    disk_written: int
    received: int
    sent: int


class HardwareSampler:
    """Takes readings; rates and load are means since the reading before. May be used from several threads."""

    def __init__(self, service: str, workdir: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._workdir = workdir
        self._clock = clock
        self._gpus = Gpus()
        self._process = psutil.Process()
        self._host = socket.gethostname()
        self._lock = threading.Lock()
        self._before = read_traffic(clock())
        psutil.cpu_percent()  # The first call only sets the mark that the next one measures from.

    def sample(self, run_id: str = "") -> HardwareReading:
        """A reading of now, marked with the run that is being worked on."""
        with self._lock:
            now = read_traffic(self._clock())
            before, self._before = self._before, now
            load_percent = psutil.cpu_percent()
        elapsed_s = now.at_s - before.at_s
        memory = psutil.virtual_memory()
        return HardwareReading(
            service=self._service,
            host=self._host,
            sampled_at=datetime.now(UTC),
            run_id=run_id,
            cpu_percent=load_percent,
            memory_used_bytes=memory.used,
            memory_total_bytes=memory.total,
            process_memory_bytes=self._resident_bytes(),
            disk_read_bytes_per_second=rate(before.disk_read, now.disk_read, elapsed_s),
            disk_write_bytes_per_second=rate(before.disk_written, now.disk_written, elapsed_s),
            network_receive_bytes_per_second=rate(before.received, now.received, elapsed_s),
            network_send_bytes_per_second=rate(before.sent, now.sent, elapsed_s),
            gpus=self._gpus.read(),
            disk_free_bytes=free_bytes(self._workdir),
        )

    def _resident_bytes(self) -> int:
        """Of the process and its children; a child may end while we look."""
        total = 0
        for process in (self._process, *self._process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total


def read_traffic(at_s: float) -> Traffic:
    """The counters of now; a machine (or container) without a counter moves nothing."""
    disks, networks = psutil.disk_io_counters(), psutil.net_io_counters()
    return Traffic(
        at_s=at_s,
        disk_read=disks.read_bytes if disks else 0,
        disk_written=disks.write_bytes if disks else 0,
        received=networks.bytes_recv if networks else 0,
        sent=networks.bytes_sent if networks else 0,
    )


def rate(before: int, now: int, elapsed_s: float) -> float:
    """Bytes per second; 0 where no time went by or a counter began anew (a device was unplugged)."""
    return (now - before) / elapsed_s if elapsed_s > 0 and now >= before else 0.0


def free_bytes(folder: Path) -> int:
    """Free space where the folder is, or will be."""
    existing = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return psutil.disk_usage(str(existing)).free
