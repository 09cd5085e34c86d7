"""A dataset's verdict with its images measured in shards, beside that of a single process."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from truscore.storage import MemoryStore, Store
from truscore.validation import DatasetOrder

from services.dataset_validator.sharding import MeasuredShard, Premeasuring, Shard, ShardRunner
from services.dataset_validator.sharding.shard import Keep
from services.dataset_validator.validator import Bounds, Validator
from services.dataset_validator.verdict_record import VerdictRecord
from services.dataset_validator.verdict_store import VerdictStore


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordingRunner:
    """Another runner, and the shards that it measured."""

    runner: ShardRunner
    measured: list[MeasuredShard] = field(default_factory=list)

    async def run(self, shards: Iterable[Shard], *, folder: Path, keep: Keep, deadline_s: float) -> None:
        async def record(shard: MeasuredShard) -> None:
            self.measured.append(shard)
            await keep(shard)

        await self.runner.run(shards, folder=folder, keep=record, deadline_s=deadline_s)


def stored(store: Store, folder: Path, prefix: str) -> None:
    """Upload a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            store.put(prefix + path.relative_to(folder).as_posix(), path.read_bytes())


async def verdict(
    store: Store, prefix: str, work: Path, *, runner: ShardRunner | None = None, shard_images: int = 4, **order: Any
) -> VerdictRecord:
    """What a validator with an empty cache says of what lies there."""
    premeasuring = (
        None
        if runner is None
        else Premeasuring(runner=runner, from_images=1, shard_images=shard_images, deadline_s=300)
    )
    validator = Validator(
        store=store,
        verdict_store=VerdictStore(store=MemoryStore(), bucket="verdicts"),
        workdir=made(work),
        bounds=Bounds(most_objects=5000, most_bytes=2**30, memory_bytes=3 * 2**30, timeout_s=300),
        premeasuring=premeasuring,
    )
    plain = {"dataset_id": "one", "version": "1", "category": "border_detection", "option": "dual_class"}
    record = await validator.validate(DatasetOrder(uri=prefix, **{**plain, **order}), lambda _progress: None)
    return replace(record, duration_s=0.0)


def made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
