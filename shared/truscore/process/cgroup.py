"""What the control group of this process holds and may hold: version 2 of Linux, or version 1; elsewhere none."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Version 1 says "no limit" by a number near 2**63, rounded to pages.
NO_LIMIT: Final = 2**60
ROOT: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True, slots=True)
class CgroupUse:
    """Bytes and seconds. `limit_bytes` is 0 where there is none; files that can be dropped at once are not held."""

    held_bytes: int = 0
    limit_bytes: int = 0
    throttled_s: float = 0.0


def read_cgroup(root: Path = ROOT, membership: Path = Path("/proc/self/cgroup")) -> CgroupUse:
    """Of now. All 0 where the machine has no control groups, or lets nobody read them."""
    places = dict(_places(membership))
    if (unified := _existing(root, places.get(""), "memory.current")) is not None:
        return CgroupUse(
            held_bytes=_held(unified, "memory.current", "inactive_file"),
            limit_bytes=_limit(unified / "memory.max"),
            throttled_s=_field(unified / "cpu.stat", "throttled_usec") / 1e6,
        )
    if (memory := _existing(root / "memory", places.get("memory"), "memory.usage_in_bytes")) is None:
        return CgroupUse()
    processor = _existing(root / "cpu", places.get("cpu"), "cpu.stat")
    return CgroupUse(
        held_bytes=_held(memory, "memory.usage_in_bytes", "total_inactive_file"),
        limit_bytes=_limit(memory / "memory.limit_in_bytes"),
        throttled_s=_field(processor / "cpu.stat", "throttled_time") / 1e9 if processor else 0.0,
    )


def _places(membership: Path) -> Iterator[tuple[str, str]]:
    """Path by controller, "" for the unified hierarchy."""
    for line in _text(membership).splitlines():
        _, controllers, place = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, place.lstrip("/")


def _existing(root: Path, place: str | None, name: str) -> Path | None:
    """In a container the group is often mounted as the root, whatever its name outside is."""
    places = [root / place, root] if place is not None else []
    return next((folder for folder in places if (folder / name).is_file()), None)


def _held(folder: Path, used: str, droppable: str) -> int:
    return max(0, _number(_text(folder / used)) - _field(folder / "memory.stat", droppable))


def _limit(path: Path) -> int:
    limit = _number(_text(path))
    return limit if limit < NO_LIMIT else 0


def _field(path: Path, name: str) -> int:
    found = (line.split() for line in _text(path).splitlines())
    return next((_number(parts[1]) for parts in found if len(parts) == 2 and parts[0] == name), 0)


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() else 0


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return ""
