"""Folders to work in that several processes of one host share."""

import os
from pathlib import Path

from truscore.process.scratch_dir import claim_scratch_dir


def test_what_dead_processes_left_is_removed_and_what_living_ones_use_is_kept(tmp_path: Path) -> None:
    own = claim_scratch_dir(tmp_path)
    (own / "left").write_text("x")
    host = own.name.rpartition(".")[0]
    dead, living = tmp_path / f"{host}.999999999", tmp_path / f"{host}.{os.getppid()}"
    dead.mkdir()
    living.mkdir()
    assert list(claim_scratch_dir(tmp_path).iterdir()) == []
    assert living.exists()
    assert not dead.exists()
