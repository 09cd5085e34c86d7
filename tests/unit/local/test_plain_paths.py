"""A folder with blanks in its path has another name, for programs that split at them."""

import tempfile
from pathlib import Path

import pytest

from deploy.local.plain_paths import MOST_BYTES, NoPlainPath, drop_plain_path, is_plain, plain_path


@pytest.mark.parametrize(
    "name", ["two words", "it's", "semi;colon", "col:on", "$HOME", "é", 'quo"te', "new\nline", "x" * 90]
)
def test_an_awkward_folder_is_reached_by_a_plain_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    link = plain_path(folder)
    try:
        assert is_plain(link)
        (link / "file").write_text("here")
        assert (folder / "file").read_text() == "here"
        assert plain_path(folder) == link
    finally:
        drop_plain_path(folder)
    assert not link.is_symlink()


def test_a_plain_folder_keeps_its_name() -> None:
    folder = Path("/srv/truscore-1/.local")
    assert len(str(folder)) < MOST_BYTES
    assert plain_path(folder) == folder


def test_a_directory_of_links_that_others_may_write_to_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not below tmp_path: where tests run side by side, that is too long to be a plain path.
    with tempfile.TemporaryDirectory(dir="/tmp") as links:
        Path(links).chmod(0o777)
        monkeypatch.setattr("deploy.local.plain_paths.directories", lambda: [Path(links)])
        with pytest.raises(NoPlainPath, match="can be written by others"):
            plain_path(tmp_path / "two words")
