"""Disks of a few megabytes that fill up at a word: a tmpfs each, in a mount namespace that ends with its processes."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: Set in processes that were started in a mount namespace of their own.
MARK = "TRUSCORE_TEST_OWN_MOUNTS"
TIMEOUT_S = 30
PAGE_BYTES = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class SmallDisk:
    """A mounted tmpfs. It is full without a byte being written: its size is set to what it holds."""

    folder: Path
    size_bytes: int

    def fill(self, *, leave_bytes: int = 0) -> None:
        """Whatever is written beyond ``leave_bytes`` from now on fails with ENOSPC."""
        for _ in range(5):  # somebody may write meanwhile, and less than is held can't be set
            used = shutil.disk_usage(self.folder).used
            if self._resize(used + leave_bytes).returncode == 0:
                return
        raise OSError(f"{self.folder} can't be made as small as what it holds")

    def release(self) -> None:
        """As much room as at first."""
        self._resize(self.size_bytes).check_returncode()

    def _resize(self, size_bytes: int) -> "subprocess.CompletedProcess[bytes]":
        # In pages; a size of 0 would mean none.
        options = f"remount,size={max(1, -(-size_bytes // PAGE_BYTES)) * PAGE_BYTES}"
        return subprocess.run(
            ["mount", "-o", options, str(self.folder)], capture_output=True, timeout=TIMEOUT_S, check=False
        )


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[SmallDisk]:
    """An empty disk mounted at the folder, in a process whose mounts are its own."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=0755", "tmpfs", str(folder)],
        check=True, capture_output=True, timeout=TIMEOUT_S,
    )  # fmt: skip
    try:
        yield SmallDisk(folder=folder, size_bytes=size_bytes)
    finally:
        # Lazily: what still has a file open there loses it with its end.
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, timeout=TIMEOUT_S, check=False)


def own_mounts(argv: Sequence[str]) -> list[str]:
    """The command in a mount namespace of its own, for root and for ordinary users."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *as_root, "--mount", "env", f"{MARK}=1", *argv]


@cache
def why_no_small_disks() -> str:
    """Empty where this machine lets us mount one; else its words."""
    probe = "from pathlib import Path; import sys; from tests.small_disk import small_disk\n"
    probe += "with small_disk(Path(sys.argv[1]), 1 << 20) as disk: disk.fill(); disk.release()"
    place = Path(tempfile.mkdtemp(prefix="truscore-small-disk-"))
    try:
        found = subprocess.run(
            own_mounts([sys.executable, "-c", probe, str(place)]), capture_output=True, text=True, timeout=TIMEOUT_S,
            check=False, cwd=Path(__file__).parents[1],
        )  # fmt: skip
    except OSError as error:
        return f"no small disks here: {error}"
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return "" if found.returncode == 0 else f"no small disks here: {found.stderr.strip()[-300:]}"


if __name__ == "__main__":  # ``python -m tests.small_disk COMMAND …``: the command, with mounts of its own where it may
    command = sys.argv[1:]
    if refused := why_no_small_disks():
        sys.stderr.write(f"{refused}\n")
    else:
        command = own_mounts(command)
    os.execvp(command[0], command)
