"""A validator with a cache on a store that counts, for tests of what has to be fetched."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from truscore.storage import Cache, Entry, MemoryStore, S3Store, Stored
from truscore.validation import BY_ID, DatasetOrder, Finding, Policy, finding

from services.dataset_validator.digests import ObjectDigests
from services.dataset_validator.fetching import FetchCache
from services.dataset_validator.job import Job, ReaderResult
from services.dataset_validator.reader_process import OnProgress
from services.dataset_validator.validator import Bounds, Validator
from services.dataset_validator.verdict_record import VerdictRecord
from services.dataset_validator.verdict_store import VerdictStore
from tests.unit.validation.small_datasets import texture, write_coco

IMAGES = 8
OBJECTS = IMAGES + 1  # and the annotations
CHANGED = "images/003.png"


class Counting:
    """Keeps the addresses of files that were downloaded, lets something happen meanwhile, and may have no ETags."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.fetched: list[str] = []
        self.meanwhile: Callable[[str], None] = lambda _uri: None
        self.etags = True

    def get_file(self, uri: str, path: Path, **how: Any) -> Stored:
        self.meanwhile(uri)
        self.fetched.append(uri)
        return super().get_file(uri, path, **how)  # type: ignore[misc, no-any-return]

    def list(self, prefix_uri: str, **how: Any) -> Iterator[Entry]:
        for entry in super().list(prefix_uri, **how):  # type: ignore[misc]
            yield entry if self.etags else replace(entry, etag="")


class CountingMemory(Counting, MemoryStore):
    """In memory."""


class CountingS3(Counting, S3Store):
    """On a server."""


def content_of(folder: Path) -> str:
    """One digest over names and bytes of all files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


async def read_nothing(
    job: Job, _folder: Path, *, timeout_s: float, on_progress: OnProgress | None = None
) -> ReaderResult | Finding:
    """A reader that finds nothing but what bytes lie there."""
    return finding(BY_ID["format.empty"], content_of(Path(job.folder)))


@dataclass(kw_only=True)
class ValidatorHarness:
    """A dataset in a folder and in the store, and the folder that validators work in."""

    store: Any
    bucket: str
    home: Path
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = write_coco(self.home / "set", IMAGES)
        self.work.mkdir()
        self.upload(*self.names)

    @property
    def work(self) -> Path:
        return self.home / "work"

    @property
    def prefix(self) -> str:
        return f"s3://{self.bucket}/sets/one/"

    @property
    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    def upload(self, *names: str) -> None:
        for name in names:
            self.store.put(self.prefix + name, (self.folder / name).read_bytes())

    def change(self, name: str = CHANGED, seed: int = 99) -> None:
        texture(seed).save(self.folder / name)
        self.upload(name)

    def fetch_cache(self, *, limit_bytes: int = 10**8) -> FetchCache:
        return FetchCache(
            cache=Cache(self.home / "cache", limit_bytes), digests=ObjectDigests(self.home / "digests.sqlite")
        )

    def validator(self, fetch_cache: FetchCache | None, **how: Any) -> Validator:
        return Validator(
            store=self.store,
            verdict_store=VerdictStore(store=self.store, bucket=self.bucket),
            workdir=self.work,
            bounds=Bounds(most_objects=1000, most_bytes=10**8, memory_bytes=3 * 2**30, timeout_s=120),
            fetch_cache=fetch_cache,
            **{"read": read_nothing, **how},
        )

    async def validated(
        self, validator: Validator, version: str, *, on_progress: OnProgress = lambda _progress: None
    ) -> VerdictRecord:
        order = DatasetOrder(
            dataset_id="one", version=version, uri=self.prefix, category="border_detection", option="dual_class"
        )
        return await validator.validate(order, on_progress)

    async def fetched(self, validator: Validator, version: str) -> list[str]:
        """What had to be downloaded for it, as names; it is asserted that the reader got what is in the store."""
        self.store.fetched.clear()
        validated = await self.validated(validator, version)
        assert [found.message for found in validated.findings] == [content_of(self.folder)]
        return sorted(uri.removeprefix(self.prefix) for uri in self.store.fetched)

    def cached(self) -> list[Path]:
        return [path for path in (self.home / "cache").glob("??/*") if len(path.name) == 64]


def a_job(folder: Path, *, memory_bytes: int = 3 * 2**30) -> Job:
    """The job of the reading process for a folder."""
    return Job(
        folder=str(folder),
        format="",
        category="border_detection",
        option="dual_class",
        class_names=(),
        policy=Policy(),
        memory_bytes=memory_bytes,
        workers=1,
        about={"dataset_id": "one"},
    )
