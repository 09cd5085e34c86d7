"""The child that reads or writes a whole dataset, as the service sees it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

from truscore.process.bounded import clean_environment, run_bounded

COMMAND: Final = (sys.executable, "-m", "services.studio.child.whole")
OUTCOME: Final = "outcome.json"
INDEX: Final = "index.json"


class ChildFailed(RuntimeError):
    """In words for the person who asked."""


async def run_whole(job: dict[str, Any], folder: Path, *, timeout_s: float, memory_bytes: int) -> dict[str, Any]:
    """The outcome. `folder` is the job's own. Raises ChildFailed."""
    path = folder / "job.json"
    await asyncio.to_thread(path.write_text, json.dumps({**job, "memory_bytes": memory_bytes}))
    ended = await run_bounded(
        [*COMMAND, str(path)],
        environment=clean_environment(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="2"),
        stderr=folder / "stderr.txt",
        time_limit_s=timeout_s,
    )
    if ended.timed_out:
        raise ChildFailed(f"it takes longer than {timeout_s:g} s, which is all it may take")
    if ended.code != 0:
        raise ChildFailed(f"the process that reads and writes images ended with code {ended.code}")
    outcome: dict[str, Any] = json.loads(await asyncio.to_thread((folder / OUTCOME).read_text))
    return outcome
