"""Files appear whole or not at all."""

from pathlib import Path

import pytest
from truscore.files import atomic_write


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
