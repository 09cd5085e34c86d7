"""One shard's files, decoded and measured in a bounded process that holds no credential."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from truscore.process.bounded import clean_environment, run_bounded
from truscore.validation.measured_images import Row

from services.dataset_validator.seen_images import SEEN, unfinished_images
from services.dataset_validator.sharding.shard import ShardBounds, ShardsUnavailable

MEASURER = (sys.executable, "-m", "services.dataset_validator.sharding.child")
JOB, ROWS, CACHE = "job.json", "rows.json", "measures.sqlite"
#: Images that may end the process one after the other before the rest of the shard is left to whoever judges.
MOST_CRASHES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuringJob:
    """What the process is given, as one JSON file."""

    folder: str
    paths: tuple[str, ...]
    thumbnail_px: int
    measured_with: str
    memory_bytes: int


async def measure_in_child(
    folder: Path,
    digests: Mapping[str, str],
    *,
    thumbnail_px: int,
    measured_with: str,
    work: Path,
    bounds: ShardBounds,
    command: Sequence[str] = MEASURER,
) -> tuple[Row, ...]:
    """Measure the files of the folder whose SHA-256 `digests` gives by path.

    An image that ends the process is left out, and so is what has been read as another content: whoever judges decodes
    it again and says what is to be said. Raises ShardsUnavailable where this release is not the one that was asked for.
    """
    skipped: set[str] = set()
    for _ in range(MOST_CRASHES):
        paths = tuple(path for path in digests if path not in skipped)
        job = MeasuringJob(
            folder=str(folder), paths=paths, thumbnail_px=thumbnail_px,
            measured_with=measured_with, memory_bytes=bounds.memory_bytes,
        )  # fmt: skip
        (work / JOB).write_text(json.dumps(asdict(job)))
        (work / SEEN).unlink(missing_ok=True)
        ended = await run_bounded(
            [*command, str(work / JOB)],
            environment=clean_environment(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="2"),
            stderr=work / "stderr.txt",
            time_limit_s=bounds.timeout_s,
        )
        if ended.code == OTHER_RELEASE:
            raise ShardsUnavailable(f"this worker is of another release than who asked: {ended.stderr}")
        if ended.code == 0 and not ended.timed_out:
            break
        unfinished = unfinished_images(work / SEEN)
        if not unfinished:
            raise ShardsUnavailable(f"measuring ended with code {ended.code} between images: {ended.stderr}")
        skipped.update(unfinished)
    else:
        return ()
    wanted = frozenset(digests.values())
    rows = json.loads((work / ROWS).read_text())
    return tuple((digest, text) for digest, text in rows if digest in wanted)


OTHER_RELEASE = 3
