"""From every format that is read to every format that is written: what is lost is said beforehand, and no more is."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from marks_in_files import WRITTEN
from test_round_trips import essence
from truscore.datasets import DatasetIndex, read_dataset
from truscore.datasets.formats.capacity import LossyConversion
from truscore.datasets.formats.writing import WRITERS, conversion_losses, write_dataset

TWO_OF_EACH = [["good", "good"], ["good"], ["good"]]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[Path, DatasetIndex]]:
    """A small dataset of each format, and its index."""
    found = {}
    for name, written in WRITTEN.items():
        folder = tmp_path_factory.mktemp(name)
        written.write(folder, [kinds[: written.most] for kinds in TWO_OF_EACH])
        index = read_dataset(folder, format=name).index
        assert index is not None
        found[name] = folder, index
    return found


@pytest.mark.parametrize("target", sorted(WRITERS))
@pytest.mark.parametrize("source", sorted(WRITTEN))
def test_what_a_conversion_loses_is_said_beforehand_and_nothing_else_is_lost(
    source: str, target: str, sources: Mapping[str, tuple[Path, DatasetIndex]], tmp_path: Path
) -> None:
    folder, index = sources[source]
    stated = conversion_losses(index, format=target)
    if stated:
        with pytest.raises(LossyConversion) as refusal:
            write_dataset(index, folder, tmp_path / "set", format=target)
        assert refusal.value.losses == stated
        assert not (tmp_path / "set").exists()
    with suppress(LossyConversion):
        written = write_dataset(index, folder, tmp_path / "set", format=target, lossy=True)
    if not (tmp_path / "set").exists():
        # It would be read as something else: that no permission makes right.
        assert stated
        return
    assert written.losses == stated
    back = read_dataset(tmp_path / "set", format=target).index
    same = back is not None and essence(back, {}) == essence(index, written.paths)
    assert same is (stated == ()), (stated, back)
