"""All tiles of one picture in one file: a scan of 22 megapixels has 120 of them, a dataset two million.

`TSPYR1`, then width, height and the ends of the tiles, counted from the first one's start, then the tiles themselves:
numbers are little-endian, of four bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Final

from truscore.files import atomic_write

from services.studio.pyramid.levels import levels_of, place_of

MAGIC: Final = b"TSPYR1"
_SIZE: Final = struct.Struct("<II")


class NoTile(LookupError):
    """The picture has no such tile."""


def write_archive(path: Path, *, width: int, height: int, tiles: Sequence[bytes]) -> None:
    """Tiles level by level, row by row, as levels_of names them. Raises OSError."""
    ends = list(accumulate(map(len, tiles)))
    with atomic_write(path) as file:
        file.write(MAGIC + _SIZE.pack(width, height) + struct.pack(f"<{len(ends)}I", *ends))
        for tile in tiles:
            file.write(tile)


def read_tile(path: Path, *, level: int, column: int, row: int) -> bytes:
    """Raises NoTile, and OSError where there is no such file or it is none of these."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise OSError(f"{path} holds no tiles")
        levels = levels_of(*_SIZE.unpack(file.read(_SIZE.size)))
        place = place_of(levels, level, column, row)
        if place is None:
            raise NoTile(f"there is no tile {column}, {row} of level {level}")
        count = sum(each.columns * each.rows for each in levels)
        ends = struct.unpack(f"<{count}I", file.read(4 * count))
        begin = ends[place - 1] if place else 0
        file.seek(begin, 1)
        return file.read(ends[place] - begin)
