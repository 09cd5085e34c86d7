"""How many processes a run trains by on a CPU: decided by its first attempt and kept in the store.

Another number of processes, on another machine, would give other bits.
"""

from __future__ import annotations

import json
from pathlib import Path

import structlog
from truscore.recipes import Recipe, cpu_processes
from truscore.storage import ObjectMissing, Store

from services.trainer.run_store.keys import RunKeys

log = structlog.get_logger(__name__)
LIMIT_BYTES = 4 << 10


def decide_processes(store: Store, keys: RunKeys, recipe: Recipe, *, images: int, cores: int) -> None:
    """Record what ``cpu_processes`` says, where it is more than one. Raises StoreError."""
    decided = cpu_processes(recipe, images=images, cores=cores)
    log.info("training processes on a CPU", run_id=keys.run_id, count=decided.count, reason=decided.reason)
    # One is what runs have that were begun before this was decided, so it needs no record.
    if decided.count > 1:
        content = json.dumps({"count": decided.count, "reason": decided.reason}).encode()
        store.put(keys.cpu_processes, content, content_type="application/json")


def recorded_processes(store: Store, keys: RunKeys) -> int:
    """Raises StoreError, and ValueError where what is there is no record of ours."""
    try:
        content = store.get(keys.cpu_processes, limit_bytes=LIMIT_BYTES)
    except ObjectMissing:
        return 1
    count = json.loads(content)["count"]
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"{keys.cpu_processes}: count {count!r}: expected a whole number of at least 1")
    return count


def cpu_processes_of(attempt_folder: Path) -> int:
    """What the attempt's order says."""
    count: int = json.loads((attempt_folder / "order.json").read_bytes())["cpu_processes"]
    return count
