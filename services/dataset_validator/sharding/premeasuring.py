"""Measuring a large dataset's images before it is judged: in shards, elsewhere or here, merged by content digest.

Who judges finds the measures by the digest of each image's bytes and decodes only what has none: the verdict is that of
a single process, whatever came of the shards.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from truscore.datasets import FileReuse, Limits
from truscore.datasets.reading.folder import Folder
from truscore.validation import CacheOptions, merge_rows, unmeasured

from services.dataset_validator.listing import Listing
from services.dataset_validator.sharding.shard import MeasuredShard, ShardImage, ShardRunner, shards_of

#: What measures of one image take in the cache, at most; measured are 1,300 bytes.
BYTES_PER_IMAGE = 4096
OnDone = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Premeasuring:
    """Which datasets are measured in shards, of what size, and where."""

    runner: ShardRunner
    from_images: int
    shard_images: int
    deadline_s: float

    async def measure(
        self,
        listing: Listing,
        digests: Mapping[str, str],
        *,
        folder: Path,
        cache_file: Path,
        thumbnail_px: int,
        on_done: OnDone,
    ) -> int:
        """Have the dataset's images measured into the cache; returns how many it has, 0 where it is not large.

        `digests` are by path. Raises ShardsUnavailable; what was measured until then is kept.
        """
        images = images_of(listing, digests)
        if len(images) < self.from_images:
            return 0
        how, limits = {"thumbnail_px": thumbnail_px}, Limits()
        cache = CacheOptions(file=cache_file, limit_bytes=BYTES_PER_IMAGE * len(images), files=FileReuse.TRANSIENT)
        missing, measured_with = await asyncio.to_thread(unmeasured, cache, images, limits=limits, **how)
        wanted = [image for digest, image in images.items() if digest in missing]
        done = len(images) - len(wanted)

        async def keep(measured: MeasuredShard) -> None:
            nonlocal done
            await asyncio.to_thread(merge_rows, cache, measured.rows, wanted=missing, limits=limits, **how)
            done += len(measured.rows)
            on_done(done, len(images))

        on_done(done, len(images))
        if wanted:
            shards = shards_of(
                wanted, most_images=self.shard_images, thumbnail_px=thumbnail_px, measured_with=measured_with
            )
            await self.runner.run(shards, folder=folder, keep=keep, deadline_s=self.deadline_s)
        return len(images)


def images_of(listing: Listing, digests: Mapping[str, str]) -> dict[str, ShardImage]:
    """The dataset's images by content; files of equal bytes are one."""
    by_path = {listed.path: listed for listed in listing.files}
    found: dict[str, ShardImage] = {}
    for path in Folder(root=Path(), files=tuple(by_path)).images:
        listed = by_path[path]
        found.setdefault(
            digests[path],
            ShardImage(path=path, uri=listed.uri, sha256=digests[path], size_bytes=listed.size_bytes),
        )
    return found
