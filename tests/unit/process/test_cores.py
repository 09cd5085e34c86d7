"""How many cores may be used, beside what a container's limit says."""

import os
from pathlib import Path

import pytest
from truscore.process.cores import usable_cores

ALL = 1_000_000  # more than any machine has: the affinity alone counts


def affinity() -> int:
    """Of this moment: a test before this one may have left the process on fewer cores than it began with."""
    return len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("content", "cores"),
    [
        ("max 100000", ALL),
        ("50000 100000", 1),
        ("100000 100000", 1),
        ("100001 100000", 2),
        ("6400000 100000", ALL),
        ("", ALL),
        ("0 100000", ALL),
        ("100000 0", ALL),
        ("none of it", ALL),
    ],
)
def test_the_quota_of_a_container_bounds_the_cores(content: str, cores: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(content + "\n")
    assert usable_cores(v2=tmp_path / "cpu.max", v1=tmp_path / "absent") == min(affinity(), cores)


@pytest.mark.parametrize(("quota", "cores"), [("-1", ALL), ("100000", 1), ("150000", 2)])
def test_the_older_files_of_control_groups_are_read_too(quota: str, cores: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(v2=tmp_path / "absent", v1=tmp_path) == min(affinity(), cores)


def test_without_control_groups_the_affinity_counts(tmp_path: Path) -> None:
    assert usable_cores(v2=tmp_path / "absent", v1=tmp_path / "absent") == affinity()
