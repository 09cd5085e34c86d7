"""An attempt as its pod sees it: whether it is still wanted, what it is made of, and its process to the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from truscore.recipes import recipe_from_json
from truscore.storage import ObjectMissing, Store

from services.trainer.handlers.consume import stored_order
from services.trainer.inputs.workspace import Workspace
from services.trainer.journal import Failed, Record
from services.trainer.plan import Plan
from services.trainer.pod.exit_codes import CRASHED, FENCED, UNUSABLE, exit_code
from services.trainer.pod.folder import PodFolder
from services.trainer.pod.follower import PodFollower
from services.trainer.pod.group import PodGroup
from services.trainer.pod.parent import PodParent
from services.trainer.run_store.attempts import Attempt, NumberedAttempts
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.segments import Segments
from services.trainer.run_store.stop_requests import StopRequests
from services.trainer.run_store.uploads import Uploads

LIMIT_BYTES = 1 << 20
log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class PodDeps:
    """What a pod has."""

    store: Store
    workspace: Workspace
    command: Callable[[Plan, Path], Sequence[str]]  # trains in a folder
    environment: Mapping[str, str]  # of the training process
    beat_s: float  # between two looks for marks in the store
    store_retry_for_s: float
    on_terminate: Callable[[Callable[[], None]], None]  # says what is to be done on SIGTERM, from then on
    group: PodGroup | None = None  # the pods of the attempt, where there are several


async def train(deps: PodDeps, run_id: str, number: int) -> int:
    """The pod's exit code. Raises StoreError where the store stays away."""
    keys = RunKeys(bucket=deps.workspace.bucket, run_id=run_id)
    attempt = await asyncio.to_thread(NumberedAttempts(deps.store, keys).latest)
    if attempt is None or attempt.number != number:
        log.warning("the attempt was overtaken, or never begun", run_id=run_id, attempt=number)
        return FENCED
    try:
        plan = await asyncio.to_thread(_plan, deps.store, keys)
    except ObjectMissing as error:
        log.error("the store has no such run", run_id=run_id, error=str(error))  # noqa: TRY400  it says all
        return UNUSABLE
    return await _train(deps, keys, plan, attempt)


async def _train(deps: PodDeps, keys: RunKeys, plan: Plan, attempt: Attempt) -> int:
    store, attempts = deps.store, NumberedAttempts(deps.store, keys)
    segments = Segments(store, keys, attempt.number)
    folder = PodFolder(
        store=store, workspace=deps.workspace, plan=plan, attempt=attempt, segments=segments,
        leads=deps.group is None or deps.group.leads,
    )  # fmt: skip
    last_word = await asyncio.to_thread(folder.lay_out)
    if deps.group is not None and not deps.group.leads:
        return await _follow(deps, deps.group, keys, folder, last_word)
    uploads = Uploads(store=store, keys=keys, attempts=attempts, attempt=attempt, folder=folder.path)
    parent = PodParent(
        attempt=attempt, attempts=attempts, stop_requests=StopRequests(store, keys), uploads=uploads, segments=segments,
        folder=folder.path, beat_s=deps.beat_s, store_retry_for_s=deps.store_retry_for_s,
    )  # fmt: skip
    if last_word is not None:
        await parent.take_written()
        return exit_code(last_word, 0)
    deps.on_terminate(parent.drain)
    return await parent.run(deps.command(plan, folder.path), environment=deps.environment)


async def _follow(deps: PodDeps, group: PodGroup, keys: RunKeys, folder: PodFolder, last_word: Record | None) -> int:
    if last_word is not None:
        # The attempt is over, or this pod's folder could not be made: then the attempt ends by it.
        return CRASHED if isinstance(last_word, Failed) else 0
    follower = PodFollower(
        attempt=folder.attempt, attempts=NumberedAttempts(deps.store, keys), store=deps.store, keys=keys, group=group,
        folder=folder.path, beat_s=deps.beat_s,
    )  # fmt: skip
    deps.on_terminate(follower.drain)
    return await follower.run(deps.command(folder.plan, folder.path), environment=deps.environment)


def _plan(store: Store, keys: RunKeys) -> Plan:
    """The run as its service resolved it. Raises StoreError and InvalidConfig."""
    order = stored_order(store.get(keys.order, limit_bytes=LIMIT_BYTES), ordered_at=datetime.now(tz=UTC))
    recipe = recipe_from_json(store.get(keys.config, limit_bytes=LIMIT_BYTES).decode())
    return Plan(run_id=keys.run_id, order=order, recipe=recipe)
