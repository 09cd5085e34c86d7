"""Packs of decoded pixels: what is in them is as it was written, or not in them; together they stay in their bounds."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from truscore.datasets.images import pack as pack_module
from truscore.datasets.images.pack import DIGEST_BYTES, Pack, PackFolder, layout

SHAPES = {f"{number:064x}": (3, 4 + number, 5) for number in range(4)}
NAMES = sorted(SHAPES)


def pixels(name: str, *, seed: int = 1) -> NDArray[np.uint8]:
    generator = np.random.default_rng([seed, int(name, 16)])
    return generator.integers(0, 256, SHAPES[name], dtype=np.uint8)


def packs(folder: Path, *, limit_bytes: int = 1 << 20) -> PackFolder:
    return PackFolder(path=folder / "packs", limit_bytes=limit_bytes)


def opened(folder: PackFolder, made: str = "as it is") -> Pack:
    pack = folder.open(made, SHAPES)
    assert pack is not None
    return pack


def test_what_one_has_written_another_reads(tmp_path: Path) -> None:
    first = opened(packs(tmp_path))
    assert first.read(NAMES[0]) is None
    for name in NAMES[:3]:
        first.write(name, pixels(name))
    second = opened(packs(tmp_path))
    for pack in (first, second):
        for name in NAMES[:3]:
            assert np.array_equal(pack.read(name), pixels(name))
        assert pack.read(NAMES[3]) is None


def test_of_other_images_or_made_otherwise_it_is_another_pack(tmp_path: Path) -> None:
    folder = packs(tmp_path)
    opened(folder).write(NAMES[0], pixels(NAMES[0]))
    assert opened(folder, "otherwise").read(NAMES[0]) is None
    fewer = folder.open("as it is", {NAMES[0]: SHAPES[NAMES[0]]})
    assert fewer is not None
    assert fewer.read(NAMES[0]) is None


@pytest.mark.parametrize("of_digest", [True, False])
def test_damage_is_noticed_and_mended(tmp_path: Path, of_digest: bool) -> None:
    """A byte that was changed on the disk, as by decay, or by a process that was killed while it wrote."""
    opened(packs(tmp_path)).write(NAMES[0], pixels(NAMES[0]))
    [path] = (tmp_path / "packs").glob("*.pack")
    content = bytearray(path.read_bytes())
    offset = layout(SHAPES)[0][NAMES[0]]
    where = 0 if of_digest else offset + 3
    content[where] ^= 1
    path.write_bytes(content)
    pack = opened(packs(tmp_path))
    assert pack.read(NAMES[0]) is None
    pack.write(NAMES[0], pixels(NAMES[0]))
    assert np.array_equal(pack.read(NAMES[0]), pixels(NAMES[0]))


def test_many_that_fill_it_at_once_leave_what_one_would_have(tmp_path: Path) -> None:
    def fill(_: int) -> None:
        pack = opened(packs(tmp_path))
        for name in NAMES:
            if pack.read(name) is None:
                pack.write(name, pixels(name))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fill, range(32)))
    pack = opened(packs(tmp_path))
    assert all(np.array_equal(pack.read(name), pixels(name)) for name in NAMES)
    assert len(list((tmp_path / "packs").iterdir())) == 2  # it and the lock


def test_packs_stay_within_their_bytes_and_the_least_recently_opened_goes_first(tmp_path: Path) -> None:
    size_bytes = layout(SHAPES)[1]
    folder = packs(tmp_path, limit_bytes=int(3.4 * size_bytes))
    for made in ("a", "b", "c"):
        opened(folder, made).write(NAMES[0], pixels(NAMES[0]))
    for path in (tmp_path / "packs").glob("*.pack"):
        os.utime(path, (1, 1))
    opened(folder, "a")
    kept = opened(folder, "d")
    assert sum(path.stat().st_size for path in (tmp_path / "packs").glob("*.pack")) <= 3.4 * size_bytes
    assert kept.read(NAMES[0]) is None
    assert opened(folder, "a").read(NAMES[0]) is not None


def test_a_pack_in_use_is_not_dropped_and_one_that_has_no_room_is_not_there(tmp_path: Path) -> None:
    size_bytes = layout(SHAPES)[1]
    folder = packs(tmp_path, limit_bytes=size_bytes)
    used = opened(folder, "used")
    used.write(NAMES[0], pixels(NAMES[0]))
    assert folder.open("other", SHAPES) is None
    used.close()
    assert folder.open("other", SHAPES) is not None
    assert packs(tmp_path, limit_bytes=size_bytes - 1).open("larger", SHAPES) is None
    assert folder.open("nothing", {}) is None


def test_on_a_full_disk_pixels_are_not_kept_and_nothing_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    pack = opened(packs(tmp_path))
    monkeypatch.setattr(pack_module.os, "pwrite", full)
    pack.write(NAMES[0], pixels(NAMES[0]))
    assert pack.read(NAMES[0]) is None
    monkeypatch.undo()
    never = PackFolder(path=tmp_path / "packs", limit_bytes=1 << 20, min_free_bytes=1 << 60)
    assert never.open("new", SHAPES) is None


def test_an_image_of_another_size_than_was_said_is_not_kept(tmp_path: Path) -> None:
    pack = opened(packs(tmp_path))
    pack.write(NAMES[0], np.zeros((3, 1, 1), dtype=np.uint8))
    assert pack.read(NAMES[0]) is None


@given(st.dictionaries(st.text("0123456789abcdef", min_size=1), st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_no_two_images_share_a_byte(shapes: dict[str, tuple[int, int]]) -> None:
    offsets, size_bytes = layout(shapes)
    spans = sorted((offsets[name], offsets[name] + rows * columns) for name, (rows, columns) in shapes.items())
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert all(start >= len(shapes) * DIGEST_BYTES and end <= size_bytes for start, end in spans)
