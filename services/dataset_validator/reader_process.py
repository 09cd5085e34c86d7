"""Running the reading process: started, bounded in time, ended with us, and its end understood."""

import json
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from truscore.process.bounded import Exit, clean_environment, run_bounded
from truscore.validation import BY_ID, Finding, finding

from services.dataset_validator.job import JOB, OUTCOME, SEEN, Job, Outcome, job_to_json, outcome_from_json
from services.dataset_validator.progress import STAGES, Progress

READER = (sys.executable, "-m", "services.dataset_validator.child")
MOST_SUSPECTS = 8
# Signals by which a process dies of its input; any other end is ours or the machine's.
CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSYS})


class ReaderFault(RuntimeError):
    """The reading process ended in a way that is no property of the dataset."""


Tell = Callable[[Progress], None]


async def read_apart(
    job: Job, folder: Path, *, timeout_s: float, tell: Tell | None = None, command: Sequence[str] = READER
) -> Outcome | Finding:
    """Have the job done in a process of its own; a finding where the dataset made it crash or go beyond its bounds.

    `tell` hears how far it is. Raises ReaderFault where the process failed for another reason. When cancelled, the
    process is killed.
    """
    (folder / JOB).write_text(job_to_json(job))
    ended = await run_bounded(
        [*command, str(folder / JOB)],
        environment=_environment(),
        stderr=folder / "stderr.txt",
        time_limit_s=timeout_s,
        on_line=partial(_pass_on, tell),
    )
    if ended.code == 0 and not ended.timed_out:
        outcome = _outcome(folder / OUTCOME)
        return _beyond(f"more memory than {job.memory_bytes} bytes") if outcome.out_of_memory else outcome
    return _understood(ended, suspects=suspects(folder / SEEN), timeout_s=timeout_s)


def _pass_on(tell: Tell | None, line: bytes) -> None:
    """Pass on what the reader tells; what a library prints there is read and forgotten."""
    if tell is not None and (told := _told(line)):
        tell(told)


def _told(line: bytes) -> Progress | None:
    try:
        stage, done, total = json.loads(line)
        return Progress(stage=STAGES[STAGES.index(stage)], done=int(done), total=int(total))
    except (ValueError, TypeError, RecursionError):
        return None


def _environment() -> dict[str, str]:
    # Native libraries need no threads of their own.
    return clean_environment(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="2")


def _outcome(path: Path) -> Outcome:
    try:
        return outcome_from_json(path.read_text())
    except (OSError, ValueError, KeyError) as error:
        raise ReaderFault(f"the reader ended well, but without an outcome: {error}") from error


def _understood(ended: Exit, *, suspects: Sequence[str], timeout_s: float) -> Finding:
    if ended.timed_out:
        return _beyond(f"longer than {timeout_s:g} s")
    if ended.code < 0 and -ended.code in CRASHES:
        name = signal.Signals(-ended.code).name
        while_at = (
            f"while it decoded {' or '.join(map(repr, suspects[:MOST_SUSPECTS]))}" if suspects else "between images"
        )
        first = suspects[0] if suspects else ""
        return finding(BY_ID["order.reader_crashed"], f"the reader died of {name} {while_at}", location=first)
    raise ReaderFault(f"the reader ended with code {ended.code}: {ended.stderr}")


def _beyond(bound: str) -> Finding:
    return finding(BY_ID["order.reader_limits"], f"reading the dataset takes {bound}, which is all it may take")


def suspects(seen: Path) -> tuple[str, ...]:
    """Images whose decoding had begun and not ended when the reader died, the oldest first."""
    if not seen.exists():
        return ()
    under_way: dict[str, None] = {}
    for line in seen.read_text(errors="replace").splitlines():
        sign, path = line[:1], line[1:]
        if sign == "+":
            under_way[path] = None
        else:
            under_way.pop(path, None)
    return tuple(under_way)
