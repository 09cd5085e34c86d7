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

from truscore.process.cgroup import read_cgroup
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
    process_cpu_percent: float
    process_disk_read_bytes_per_second: float
    process_disk_write_bytes_per_second: float
    cgroup_memory_bytes: int
    cgroup_memory_limit_bytes: int
    cgroup_cpu_throttled_percent: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """Bytes moved since the machine started, at a moment of a steady clock."""

    at_s: float
    disk_read: int
    disk_written: int
    received: int
    sent: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessUse:
    """Of a process and its children, those that ended included where they were waited for. Seconds and bytes."""

    resident_bytes: int
    processor_s: float
    disk_read: int
    disk_written: int


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
        self._used_before, self._cgroup_before = read_process(self._process), read_cgroup()
        psutil.cpu_percent()  # The first call only sets the mark that the next one measures from.

    def sample(self, run_id: str = "") -> HardwareReading:
        """A reading of now, marked with the run that is being worked on."""
        with self._lock:
            now = read_traffic(self._clock())
            before, self._before = self._before, now
            load_percent = psutil.cpu_percent()
            used, group = read_process(self._process), read_cgroup()
            used_before, self._used_before = self._used_before, used
            group_before, self._cgroup_before = self._cgroup_before, group
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
            process_memory_bytes=used.resident_bytes,
            disk_read_bytes_per_second=rate(before.disk_read, now.disk_read, elapsed_s),
            disk_write_bytes_per_second=rate(before.disk_written, now.disk_written, elapsed_s),
            network_receive_bytes_per_second=rate(before.received, now.received, elapsed_s),
            network_send_bytes_per_second=rate(before.sent, now.sent, elapsed_s),
            gpus=self._gpus.read(),
            disk_free_bytes=free_bytes(self._workdir),
            process_cpu_percent=100 * rate(used_before.processor_s, used.processor_s, elapsed_s),
            process_disk_read_bytes_per_second=rate(used_before.disk_read, used.disk_read, elapsed_s),
            process_disk_write_bytes_per_second=rate(used_before.disk_written, used.disk_written, elapsed_s),
            cgroup_memory_bytes=group.held_bytes,
            cgroup_memory_limit_bytes=group.limit_bytes,
            cgroup_cpu_throttled_percent=min(100.0, 100 * rate(group_before.throttled_s, group.throttled_s, elapsed_s)),
        )


def read_process(process: psutil.Process) -> ProcessUse:
    """Since each process began; a child may end while we look."""
    resident, processor_s, read, written = 0, 0.0, 0, 0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied), each.oneshot():
            times = each.cpu_times()
            resident += each.memory_info().rss
            processor_s += times.user + times.system + times.children_user + times.children_system
            if hasattr(each, "io_counters"):  # not on every system
                moved = each.io_counters()
                read, written = read + moved.read_bytes, written + moved.write_bytes
    return ProcessUse(resident_bytes=resident, processor_s=processor_s, disk_read=read, disk_written=written)


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


def rate(before: float, now: float, elapsed_s: float) -> float:
    """What a counter counts per second; 0 where no time went by or a counter began anew (a device was unplugged)."""
    return (now - before) / elapsed_s if elapsed_s > 0 and now >= before else 0.0


def free_bytes(folder: Path) -> int:
    """Free space where the folder is, or will be."""
    existing = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return psutil.disk_usage(str(existing)).free
