"""What a file must look like once stored."""

from pathlib import Path

from truscore.storage.checksums import proof_of_bytes, proof_of_file


def test_the_proof_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 70_000  # more than one part
    (tmp_path / "x").write_bytes(content)
    assert proof_of_file(tmp_path / "x") == proof_of_bytes(content)
    assert proof_of_bytes(content).etag.endswith("-2")
    assert proof_of_bytes(b"").etag == "d41d8cd98f00b204e9800998ecf8427e"  # MD5 of nothing
