"""A disk that fills up at a word."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.small_disk import SmallDisk, small_disk, why_no_small_disks

DISK_BYTES = 64 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Mounted in this process's namespace, which `make chaos` gives it."""
    if refused := why_no_small_disks():
        pytest.skip(refused)
    with small_disk(tmp_path / "disk", DISK_BYTES) as mounted:
        yield mounted
