"""A format that a file comes near to, and where it falls short."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """`fits`, from 0 to 1: how much of what the format needs is there. `line` counts from 1; 0 for the whole file."""

    format: str
    file: str
    failed: str
    change: str
    fits: float
    line: int = 0

    @property
    def place(self) -> str:
        return f"{self.file}#{self.line}" if self.line else self.file
