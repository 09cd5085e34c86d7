"""Files appear whole or not at all."""

from pathlib import Path

import pytest
from truscore.storage.atomic_write import atomic_write
from truscore.storage.checksums import proof_of_bytes, proof_of_file


def test_a_file_is_invisible_until_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.bin"
    with atomic_write(target, uri="s3://bucket/x") as file:
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
        with atomic_write(target, uri="s3://bucket/x") as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file.bin", b"old")]


def test_the_proof_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 70_000  # more than one part
    (tmp_path / "x").write_bytes(content)
    assert proof_of_file(tmp_path / "x") == proof_of_bytes(content)
    assert proof_of_bytes(content).etag.endswith("-2")
    assert proof_of_bytes(b"").etag == "d41d8cd98f00b204e9800998ecf8427e"  # MD5 of nothing
