"""What services complained of last, read from their logs. Knows log lines; knows no service."""

import json
from pathlib import Path

from truscore.process.output import tail_of

MOST_CHARACTERS = 600
LEVELS = ("warning", "error", "critical")


def errors_in_logs(logs: Path) -> list[str]:
    """The last warning or error of each log in the folder, one line each."""
    found = ((path.stem, last_error(tail_of(path))) for path in sorted(logs.glob("*.log")))
    return [f"{service}: {text}" for service, text in found if text]


def last_error(text: str) -> str:
    """The last entry of level warning or above; empty when there is none."""
    for line in reversed(text.splitlines()):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("level") in LEVELS:
            return f"{entry['level']}: {entry.get('event', '')}"[:MOST_CHARACTERS]
    return ""
