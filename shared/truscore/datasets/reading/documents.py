"""Parsed JSON files of one folder, while its format is found out and its annotations are read. Knows no format."""

from __future__ import annotations

from typing import Any

# Parsed text takes about ten times its size.
_MOST_FILES, _MOST_CHARACTERS = 64, 32 * 2**20


class Documents(dict[str, Any]):
    """By path. Only the first files are kept, within bounds: the smallest, which all formats look at."""

    def __init__(self) -> None:
        super().__init__()
        self._characters = 0

    def keep(self, path: str, content: Any, *, size: int) -> None:
        """Keep a parsed text of so many characters, where there is room."""
        if len(self) < _MOST_FILES and self._characters + size <= _MOST_CHARACTERS:
            self[path] = content
            self._characters += size
