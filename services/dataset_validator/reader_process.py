"""The reading process: started, bounded in time, ended with this one, its exit mapped to a finding or an error."""

import json
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from truscore.process.bounded import Exit, clean_environment, run_bounded
from truscore.validation import BY_ID, Finding, finding

from services.dataset_validator.job import JOB, OUTCOME, Job, ReaderResult, job_to_json, result_from_json
from services.dataset_validator.progress import STAGES, Progress
from services.dataset_validator.seen_images import SEEN, unfinished_images

READER = (sys.executable, "-m", "services.dataset_validator.child")
MAX_NAMED = 8
# Signals by which a process dies of its input; any other end is ours or the machine's.
CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSYS})


class ReaderFault(RuntimeError):
    """The reading process ended in a way that is no property of the dataset."""


OnProgress = Callable[[Progress], None]


async def read_in_child(
    job: Job, folder: Path, *, timeout_s: float, on_progress: OnProgress | None = None, command: Sequence[str] = READER
) -> ReaderResult | Finding:
    """Run the job in a process of its own; a finding where the dataset made it crash or go beyond its bounds.

    `on_progress` is called with each progress report. Raises ReaderFault where the process failed for another reason.
    When cancelled, the process is killed.
    """
    (folder / JOB).write_text(job_to_json(job))
    exit_status = await run_bounded(
        [*command, str(folder / JOB)],
        environment=_environment(),
        stderr=folder / "stderr.txt",
        time_limit_s=timeout_s,
        on_line=partial(_pass_on, on_progress),
    )
    if exit_status.code == 0 and not exit_status.timed_out:
        result = _read_result(folder / OUTCOME)
        return _limit_exceeded(f"more memory than {job.memory_bytes} bytes") if result.out_of_memory else result
    return _finding_for(exit_status, unfinished_images=unfinished_images(folder / SEEN), timeout_s=timeout_s)


def _pass_on(on_progress: OnProgress | None, line: bytes) -> None:
    """Pass on the reader's progress; what a library prints there is read and dropped."""
    if on_progress is not None and (progress := _parse_progress(line)):
        on_progress(progress)


def _parse_progress(line: bytes) -> Progress | None:
    try:
        stage, done, total = json.loads(line)
        return Progress(stage=STAGES[STAGES.index(stage)], done=int(done), total=int(total))
    except (ValueError, TypeError, RecursionError):
        return None


def _environment() -> dict[str, str]:
    # Native libraries need no threads of their own.
    return clean_environment(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="2")


def _read_result(path: Path) -> ReaderResult:
    try:
        return result_from_json(path.read_text())
    except (OSError, ValueError, KeyError) as error:
        raise ReaderFault(f"the reader ended well, but without an outcome: {error}") from error


def _finding_for(exit_status: Exit, *, unfinished_images: Sequence[str], timeout_s: float) -> Finding:
    if exit_status.timed_out:
        return _limit_exceeded(f"longer than {timeout_s:g} s")
    if exit_status.code < 0 and -exit_status.code in CRASHES:
        name = signal.Signals(-exit_status.code).name
        while_at = (
            f"while it decoded {' or '.join(map(repr, unfinished_images[:MAX_NAMED]))}"
            if unfinished_images
            else "between images"
        )
        first = unfinished_images[0] if unfinished_images else ""
        return finding(BY_ID["order.reader_crashed"], f"the reader died of {name} {while_at}", location=first)
    raise ReaderFault(f"the reader ended with code {exit_status.code}: {exit_status.stderr}")


def _limit_exceeded(bound: str) -> Finding:
    return finding(BY_ID["order.reader_limits"], f"reading the dataset takes {bound}, which is all it may take")
