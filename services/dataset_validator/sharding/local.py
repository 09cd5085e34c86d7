"""Shards in processes of this machine, on the files that lie here already."""

import asyncio
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from services.dataset_validator.sharding.bounded_measuring import measure_in_child
from services.dataset_validator.sharding.shard import Keep, MeasuredShard, Shard, ShardBounds, ShardsUnavailable


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalShards:
    """So many bounded processes at once, each with a folder of its own in `workdir`."""

    processes: int
    workdir: Path
    bounds: ShardBounds

    async def run(self, shards: Iterable[Shard], *, folder: Path, keep: Keep, deadline_s: float) -> None:
        """As every runner does."""
        try:
            async with asyncio.timeout(deadline_s):
                await self._run_all(iter(shards), folder, keep)
        except TimeoutError as error:
            raise ShardsUnavailable(f"measuring takes longer than {deadline_s:g} s") from error

    async def _run_all(self, waiting: Iterator[Shard], folder: Path, keep: Keep) -> None:
        one_at_a_time = asyncio.Lock()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.processes):
                    group.create_task(self._run_some(waiting, folder, keep, one_at_a_time))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed

    async def _run_some(self, waiting: Iterator[Shard], folder: Path, keep: Keep, one_at_a_time: asyncio.Lock) -> None:
        for shard in waiting:
            measured = await self._measured(shard, folder)
            async with one_at_a_time:
                await keep(measured)

    async def _measured(self, shard: Shard, folder: Path) -> MeasuredShard:
        with tempfile.TemporaryDirectory(prefix="shard-", dir=self.workdir, ignore_cleanup_errors=True) as work:
            rows = await measure_in_child(
                folder,
                {image.path: image.sha256 for image in shard.images},
                thumbnail_px=shard.thumbnail_px,
                measured_with=shard.measured_with,
                work=Path(work),
                bounds=self.bounds,
            )
        return MeasuredShard(number=shard.number, rows=rows)
