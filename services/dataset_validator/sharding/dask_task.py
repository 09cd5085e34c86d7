"""What runs on a worker: fetch a shard's images with the worker's own credentials, measure them in a bounded child."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from truscore.storage import FileSource, fetch_many

from services.dataset_validator.sharding.bounded_measuring import measure_in_child
from services.dataset_validator.sharding.shard import MeasuredShard, Shard, ShardBounds

MEASURING = "truscore-measuring"
FETCHED_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerMeasuring:
    """What a worker has and no message carries: the store, with its credentials, and a folder to work in."""

    store: FileSource
    workdir: Path

    def measure(self, shard: Shard, bounds: ShardBounds) -> MeasuredShard:
        """Fetch, and measure what came. Raises where an object is missing, or is not what the validator read."""
        with tempfile.TemporaryDirectory(prefix="shard-", dir=self.workdir, ignore_cleanup_errors=True) as name:
            work, files = Path(name), Path(name) / "images"
            files.mkdir()
            paths = {f"{place:06}": image for place, image in enumerate(shard.images)}
            wanted = [(image.uri, image.sha256, files / path) for path, image in paths.items()]
            fetch_many(self.store, wanted, workers=FETCHED_AT_ONCE)
            rows = asyncio.run(
                measure_in_child(
                    files,
                    {path: image.sha256 for path, image in paths.items()},
                    thumbnail_px=shard.thumbnail_px,
                    measured_with=shard.measured_with,
                    work=work,
                    bounds=bounds,
                )
            )
        return MeasuredShard(number=shard.number, rows=rows)


def measure_on_worker(shard: Shard, bounds: ShardBounds) -> MeasuredShard:
    """The task. Its worker was started by `python -m services.dataset_validator.sharding`."""
    from distributed import get_worker

    measuring = getattr(get_worker().plugins.get(MEASURING), "measuring", None)
    if not isinstance(measuring, WorkerMeasuring):
        raise TypeError("this worker was not started by `python -m services.dataset_validator.sharding`")
    try:
        return measuring.measure(shard, bounds)
    except Exception as error:  # noqa: BLE001
        # As text: not every error can be sent, and what they hold of this machine is nobody's business.
        raise RuntimeError(f"{type(error).__name__}: {error}") from None
