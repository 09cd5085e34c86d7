"""Control groups as files: both versions of Linux, seen from a host and from a container."""

from pathlib import Path

import pytest
from truscore.process.cgroup import CgroupUse, read_cgroup


def written(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def belongs(folder: Path, text: str) -> Path:
    (folder / "cgroup").write_text(text)
    return folder / "cgroup"


@pytest.mark.parametrize("place", ["system.slice/trainer", ""])
def test_version_two_without_what_can_be_dropped(tmp_path: Path, place: str) -> None:
    stat = "anon 900\ninactive_file 300\nactive_file 50\n"
    written(tmp_path / place, memory__current="1300\n", memory__max="8192\n", memory__stat=stat)
    written(tmp_path / place, cpu__stat="usage_usec 7\nthrottled_usec 2500000\n")
    found = read_cgroup(tmp_path, belongs(tmp_path, "0::/system.slice/trainer\n"))
    assert found == CgroupUse(held_bytes=1000, limit_bytes=8192, throttled_s=2.5)


def test_version_two_without_a_limit(tmp_path: Path) -> None:
    written(tmp_path, memory__current="1300\n", memory__max="max\n")
    assert read_cgroup(tmp_path, belongs(tmp_path, "0::/\n")).limit_bytes == 0


def test_version_one(tmp_path: Path) -> None:
    written(tmp_path / "memory/docker/abc", memory__usage_in_bytes="5000", memory__limit_in_bytes="9223372036854771712")
    written(tmp_path / "memory/docker/abc", memory__stat="total_inactive_file 1000\n")
    written(tmp_path / "cpu/docker/abc", cpu__stat="nr_throttled 3\nthrottled_time 1500000000\n")
    found = read_cgroup(tmp_path, belongs(tmp_path, "5:memory:/docker/abc\n4:cpuacct,cpu:/docker/abc\n0::/\n"))
    assert found == CgroupUse(held_bytes=4000, limit_bytes=0, throttled_s=1.5)


def test_a_machine_without_control_groups_holds_nothing(tmp_path: Path) -> None:
    assert read_cgroup(tmp_path, tmp_path / "missing") == CgroupUse()
