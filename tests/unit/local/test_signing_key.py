"""The key that a local stack signs with."""

from pathlib import Path

from truscore.storage.signing import Signer

from deploy.local.signing_key import PRIVATE, PUBLIC, secrets_with_key


def test_the_first_start_makes_a_key_that_nobody_else_may_read_and_later_ones_keep_it(tmp_path: Path) -> None:
    folder = secrets_with_key(tmp_path / "stack")
    private = (folder / PRIVATE).read_text()
    assert ((folder / PRIVATE).stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (tmp_path / "stack" / PUBLIC).read_text().strip() == Signer(private).public_hex
    assert secrets_with_key(tmp_path / "stack") == folder
    assert (folder / PRIVATE).read_text() == private
