"""Whether the process that a file names still runs. Knows process ids and start times; knows no file's format.

A process id alone is no proof: after a crash or a power cut it belongs to another program. Linux only (/proc).
"""

from pathlib import Path
from typing import Final

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
# Fields of /proc/PID/stat after the program's name, which is in parentheses: proc_pid_stat(5).
STATE_FIELD, START_TICKS_FIELD = 0, 19
ENDED_STATES: Final = ("Z", "X")


def process_identity(pid: int) -> str:
    """`BOOT:PID:TICKS`, where TICKS is the start in clock ticks since the boot; empty when no such process runs.

    A process that has ended, but that its parent has not looked after yet (a zombie), does not run.
    """
    try:
        # The program's name may hold blanks and parentheses of its own.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    if fields[STATE_FIELD] in ENDED_STATES:
        return ""
    return f"{BOOT_ID.read_text().strip()}:{pid}:{fields[START_TICKS_FIELD]}"


def pid_of(identity: str) -> int | None:
    """The process id within an identity; None where the text is no identity."""
    parts = identity.strip().split(":")
    return int(parts[1]) if len(parts) == 3 and parts[1].isdecimal() and int(parts[1]) > 0 else None


def still_runs(identity: str) -> bool:
    """Whether the very process that `process_identity` described runs."""
    pid = pid_of(identity)
    return pid is not None and process_identity(pid) == identity.strip()
