"""What the validator service fetches and takes for an order after one image in a hundred changed.

`python -m tests.bench.validator_fetching [--images N] [--json]`. The store is in memory, the reader the service's own
process, which keeps what images measured. Times are of whole orders, with starting the reader.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truscore.process.cores import usable_cores
from truscore.storage import Cache, MemoryStore, Stored
from truscore.validation import DatasetOrder

from services.dataset_validator.digests import ObjectDigests
from services.dataset_validator.fetching import FetchCache
from services.dataset_validator.validator import Bounds, Validator
from services.dataset_validator.verdict_store import VerdictStore
from tests.bench.validator_pictures import as_dataset, changed, published_images, rendered_images

REPOSITORY = Path(__file__).parents[2]
PREFIX = "s3://cards/sets/one/"
CHANGED_SHARE = 0.01
CACHE_BYTES = 20 * 2**30
BOUNDS = Bounds(most_objects=10**6, most_bytes=2**40, memory_bytes=6 * 2**30, timeout_s=1500, readers=usable_cores())


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """What one order cost: objects and bytes from the store, and seconds."""

    objects: int
    size_bytes: int
    wall_s: float


class Counting(MemoryStore):
    """Counts what is fetched from it."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[int] = []

    def get_file(self, uri: str, path: Path, **how: Any) -> Stored:
        stored = super().get_file(uri, path, **how)
        self.fetched.append(stored.size_bytes)
        return stored


def uploaded(store: MemoryStore, folder: Path) -> int:
    """Put the dataset into the store; how many bytes it has."""
    stored = [
        store.put(PREFIX + path.relative_to(folder).as_posix(), path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    return sum(one.size_bytes for one in stored)


def served(validator: Validator, store: Counting, version: str) -> Served:
    """Have the order evaluated."""
    store.fetched.clear()
    order = DatasetOrder(
        dataset_id="one", version=version, uri=PREFIX, category="border_detection", option="single_class"
    )
    began_s = time.perf_counter()
    asyncio.run(validator.validate(order))
    wall_s = time.perf_counter() - began_s
    return Served(objects=len(store.fetched), size_bytes=sum(store.fetched), wall_s=round(wall_s, 2))


def service_rerun(folder: Path, home: Path) -> dict[str, object]:
    """Figures of the first order and of one after the change; the folder is changed."""
    store = Counting()
    home.mkdir()
    validator = Validator(
        store=store,
        verdict_store=VerdictStore(store=store, bucket="truscore"),
        workdir=home,
        bounds=BOUNDS,
        cache_file=home / "results.sqlite",
        fetch_cache=FetchCache(
            cache=Cache(home / "cache", CACHE_BYTES), digests=ObjectDigests(home / "digests.sqlite")
        ),
    )
    uploaded(store, folder)
    first = served(validator, store, "v1")
    count = changed(folder, share=CHANGED_SHARE, seed=9)
    uploaded(store, folder)
    again = served(validator, store, "v2")
    return {
        "service_changed_images": count,
        "service_first_objects": first.objects,
        "service_first_bytes": first.size_bytes,
        "service_first_s": first.wall_s,
        "service_rerun_objects": again.objects,
        "service_rerun_bytes": again.size_bytes,
        "service_rerun_s": again.wall_s,
    }


def main() -> int:
    """Measure and print; 1 where more was fetched than had changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    shared = Path(os.environ.get("TRUSCORE_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    with tempfile.TemporaryDirectory(prefix="truscore-bench-") as name:
        work = Path(name)
        from_data = shared.is_dir()
        count = options.images
        pictures = published_images(shared, most=count) if from_data else rendered_images(work / "cards", count=count)
        figures = service_rerun(as_dataset(pictures, work / "set"), work / "service")
    text = json.dumps(figures) if options.json else "\n".join(f"{key:30} {value}" for key, value in figures.items())
    sys.stdout.write(f"{text}\n")
    return 0 if figures["service_rerun_objects"] == figures["service_changed_images"] else 1


if __name__ == "__main__":
    sys.exit(main())
