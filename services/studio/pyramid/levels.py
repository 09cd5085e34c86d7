"""Into what levels and tiles a picture is cut. Pure; web/canvas/tiles.js says the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

TILE_PX: Final = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """A picture of `width` x `height` pixels; level n is 2^n times smaller than the file, odd sides rounded up."""

    width: int
    height: int

    @property
    def columns(self) -> int:
        return -(-self.width // TILE_PX)

    @property
    def rows(self) -> int:
        return -(-self.height // TILE_PX)

    def boxes(self) -> Iterator[tuple[int, int, int, int]]:
        """Of each tile left, top, right and bottom, row by row."""
        for top in range(0, self.height, TILE_PX):
            for left in range(0, self.width, TILE_PX):
                yield left, top, min(left + TILE_PX, self.width), min(top + TILE_PX, self.height)


def levels_of(width: int, height: int) -> tuple[Level, ...]:
    """From the file's own size down to the first that is one tile."""
    found = [Level(width=width, height=height)]
    while found[-1].columns * found[-1].rows > 1:
        found.append(Level(width=-(-found[-1].width // 2), height=-(-found[-1].height // 2)))
    return tuple(found)


def place_of(levels: tuple[Level, ...], level: int, column: int, row: int) -> int | None:
    """Where among all tiles, level by level, this one is; None where there is none such."""
    if not 0 <= level < len(levels):
        return None
    at = levels[level]
    if not (0 <= column < at.columns and 0 <= row < at.rows):
        return None
    return sum(each.columns * each.rows for each in levels[:level]) + row * at.columns + column
