"""So many lines of a kind in a log, and how many were left out: a flood of junk is not to hide what else is said."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MOST_LINES: Final = 20
WINDOW_S: Final = 60.0


@dataclass(kw_only=True, slots=True)
class LogBound:
    """Up to `most` lines in each window of `window_s` seconds; a window begins with its first line."""

    most: int = MOST_LINES
    window_s: float = WINDOW_S
    clock: Callable[[], float] = time.monotonic
    _began: float = float("-inf")
    _lines: int = 0
    _left_out: int = 0

    def take(self) -> int | None:
        """For one line more: how many were left out since the last that was written; None: leave this out as well."""
        now = self.clock()
        if now - self._began >= self.window_s:
            self._began, self._lines = now, 0
        if self._lines >= self.most:
            self._left_out += 1
            return None
        self._lines += 1
        left_out, self._left_out = self._left_out, 0
        return left_out
