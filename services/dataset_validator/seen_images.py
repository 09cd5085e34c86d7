"""A line for each image as its decoding begins, "+path", and ends, "-path": what was under way when a process died."""

from collections.abc import Callable
from pathlib import Path
from typing import TextIO

SEEN = "seen.txt"


def line_writer(seen: TextIO, sign: str) -> Callable[[str], None]:
    """Writes the lines of one sign."""

    def write_line(path: str) -> None:
        # One write of a line: several threads write at once.
        seen.write(f"{sign}{path}\n")
        seen.flush()

    return write_line


def unfinished_images(seen: Path) -> tuple[str, ...]:
    """Images whose decoding had begun and not ended, the oldest first."""
    if not seen.exists():
        return ()
    unfinished: dict[str, None] = {}
    with seen.open(errors="replace") as lines:
        for line in lines:
            sign, path = line[:1], line[1:].removesuffix("\n")
            if sign == "+":
                unfinished[path] = None
            else:
                unfinished.pop(path, None)
    return tuple(unfinished)
