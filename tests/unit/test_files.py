"""Files appear whole or not at all, and are read within bounds."""

import tracemalloc
from pathlib import Path

import pytest
from truscore.files import atomic_write, read_at_most


def test_a_file_is_invisible_until_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.bin"
    with atomic_write(target) as file:
        file.write(b"half")
        file.flush()
        assert not target.exists()
        file.write(b"done")
    assert target.read_bytes() == b"halfdone"
    assert [path.name for path in target.parent.iterdir()] == ["file.bin"]


def test_an_interrupted_write_leaves_no_trace_and_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(b"old")

    def interrupted() -> None:
        with atomic_write(target) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file.bin", b"old")]


def test_one_writers_part_takes_the_place_of_what_a_killed_one_left(tmp_path: Path) -> None:
    left = tmp_path / ".file.bin.part"
    left.write_bytes(b"longer than what is written now")
    with atomic_write(tmp_path / "file.bin", one_writer=True) as file:
        assert left.exists()
        file.write(b"new")
        file.seek(0)
        assert file.read() == b"new"
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file.bin", b"new")]


@pytest.mark.parametrize(("size", "read"), [(0, b""), (9, b"x" * 9), (10, b"x" * 10), (11, None)])
def test_a_file_is_read_up_to_its_bound_and_not_beyond(tmp_path: Path, size: int, read: bytes | None) -> None:
    (tmp_path / "file.bin").write_bytes(b"x" * size)
    assert read_at_most(tmp_path / "file.bin", 10) == read


def test_reading_sets_no_more_aside_than_the_file_has(tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"x" * 1000)
    tracemalloc.start()
    try:
        read_at_most(tmp_path / "file.bin", 2**29)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_a_file_whose_size_is_not_known_beforehand_is_read_whole() -> None:
    status = read_at_most(Path("/proc/self/status"), 2**20)
    assert status is not None
    assert status.startswith(b"Name:")
    assert status.endswith(b"\n")
