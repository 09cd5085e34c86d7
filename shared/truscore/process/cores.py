"""How many cores this process may use: what a container's limit leaves, not what the machine has."""

import math
import os
from pathlib import Path

_CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1 = Path("/sys/fs/cgroup/cpu")


def usable_cores(*, v2: Path = _CGROUP_V2, v1: Path = _CGROUP_V1) -> int:
    """Cores of the affinity mask (taskset, cpusets), at most the cgroup's quota of processor time, rounded up.

    A limit of Docker or Kubernetes is a quota: every core is to be seen, but more threads than it allows are stopped
    in the middle of their work. Without a quota, or where none can be read, the affinity alone counts. At least 1.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota_v2(v2) or _quota_v1(v1)
    return max(1, min(affinity, math.ceil(quota)) if quota else affinity)


def _quota_v2(file: Path) -> float | None:
    """``cpu.max`` holds quota and period in microseconds, the quota ``max`` where there is none."""
    words = _text(file).split()
    return _share(*words) if len(words) == 2 else None


def _quota_v1(folder: Path) -> float | None:
    """A quota of -1 stands for none."""
    return _share(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _share(quota: str, period: str) -> float | None:
    try:
        quota_us, period_us = int(quota), int(period)
    except ValueError:
        return None
    return quota_us / period_us if quota_us > 0 and period_us > 0 else None


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
