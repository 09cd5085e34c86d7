"""The end of what a process wrote. Knows files; knows no process."""

from pathlib import Path

TAIL_BYTES = 64 * 1024


def tail_of(path: Path, *, limit_bytes: int = TAIL_BYTES) -> str:
    """The last bytes of a file as text, at most ``limit_bytes``; empty where there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - limit_bytes))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
