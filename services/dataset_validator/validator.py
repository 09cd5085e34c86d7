"""From an order to its verdict: check, list, look up, fetch, read in a child process, store."""

import asyncio
import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from truscore.dataset_versions import DatasetVersion, content_digest
from truscore.files import sha256_of
from truscore.storage import DigestMismatch, ObjectMissing, Store
from truscore.validation import BY_ID, DatasetOrder, Finding, Policy, check_order, finding, policy_for

from services.dataset_validator.fetching import CancelToken, FetchCache, fetch
from services.dataset_validator.job import Job, ReaderResult
from services.dataset_validator.listing import Listing, list_dataset
from services.dataset_validator.progress import Progress
from services.dataset_validator.reader_process import OnProgress, read_in_child
from services.dataset_validator.sharding import Premeasuring
from services.dataset_validator.sharding.premeasuring import BYTES_PER_IMAGE
from services.dataset_validator.verdict_record import VerdictRecord, refused_record, verdict_key
from services.dataset_validator.verdict_store import VerdictStore

UNREAD = "unread"


class Reader(Protocol):
    """Reads one dataset within bounds; a finding where it goes beyond them or makes the reader crash."""

    async def __call__(
        self, job: Job, folder: Path, *, timeout_s: float, on_progress: OnProgress | None = None
    ) -> ReaderResult | Finding: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What one dataset may cost."""

    most_objects: int
    most_bytes: int
    memory_bytes: int
    timeout_s: float
    readers: int = 2
    scan_cache_bytes: int = 512 * 2**20
    fetchers: int = 8

    @property
    def fingerprint(self) -> str:
        """The bounds that a verdict depends on, as text; the numbers of workers are not among them."""
        return f"{self.most_objects} {self.most_bytes} {self.memory_bytes} {self.timeout_s}"


class KeyedLocks:
    """A lock for each key, dropped when nobody holds or awaits it."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._waiters: Counter[str] = Counter()

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        lock = self._locks.setdefault(name, asyncio.Lock())
        self._waiters[name] += 1
        try:
            async with lock:
                yield
        finally:
            self._waiters[name] -= 1
            if not self._waiters[name]:
                del self._waiters[name], self._locks[name]


@dataclass(frozen=True, kw_only=True, slots=True)
class Validator:
    """Validates orders. What is wrong with order or dataset is in the verdict; what fails raises."""

    store: Store
    verdict_store: VerdictStore
    workdir: Path
    bounds: Bounds
    policies: Path | None = None  # files that change the categories' own policies
    read: Reader = read_in_child
    locks: KeyedLocks = field(default_factory=KeyedLocks)
    cache_file: Path | None = None  # file of cached image statistics
    fetch_cache: FetchCache | None = None
    premeasuring: Premeasuring | None = None
    clock: Callable[[], float] = time.monotonic

    async def validate(self, order: DatasetOrder, on_progress: OnProgress = lambda _progress: None) -> VerdictRecord:
        """The verdict; the same for the same content, whether it was reached now or before.

        `on_progress` is called with each progress report.
        """
        if found := check_order(order):
            return refused_record(found, key=UNREAD)
        async with self.locks.hold(f"{order.dataset_id}/{order.version}"):
            on_progress(Progress(stage="listing"))
            listing = await self._list(order)
            if listing.problems:
                return refused_record(listing.problems, key=UNREAD)
            policy = policy_for(order.category, folder=self.policies, dataset_id=order.dataset_id)
            key = verdict_key(
                order,
                listing_digest=listing.digest,
                policy=policy,
                bounds=self.bounds.fingerprint,
                key_id=self.verdict_store.key_id,
            )
            record = await asyncio.to_thread(self.verdict_store.get, order, key)
            if record is None:
                record = await self._validate_content(order, listing, key, policy, on_progress)
            kept = await asyncio.to_thread(self.verdict_store.keep_version, order, record)
            if kept is not None and kept.accepted and kept.digest != record.content_digest:
                # Another validator accepted other content of this version while this one was read.
                return refused_record([_version_changed(order, kept, record.content_digest)], key=UNREAD)
            return record

    async def _list(self, order: DatasetOrder) -> Listing:
        return await asyncio.to_thread(
            list_dataset,
            self.store,
            order.uri,
            most_objects=self.bounds.most_objects,
            most_bytes=self.bounds.most_bytes,
        )

    async def _validate_content(
        self, order: DatasetOrder, listing: Listing, key: str, policy: Policy, on_progress: OnProgress
    ) -> VerdictRecord:
        with tempfile.TemporaryDirectory(prefix="dataset-", dir=self.workdir, ignore_cleanup_errors=True) as name:
            work, started_s = Path(name), self.clock()
            try:
                digests = await self._fetch(listing, work / "dataset", on_progress)
            except (ObjectMissing, DigestMismatch) as error:
                return refused_record([_changed_meanwhile(str(error))], key=UNREAD)
            if (await self._list(order)).digest != listing.digest:
                return refused_record(
                    [_changed_meanwhile("objects were added, removed or replaced while they were read")], key=UNREAD
                )
            if self.fetch_cache is not None:
                # Not before the second listing: the content of a replaced object would pass for that of the old one.
                await asyncio.to_thread(self.fetch_cache.digests.put, listing.files, digests)
            by_path = await asyncio.to_thread(_digests_by_path, listing, work / "dataset", digests)
            content = content_digest(by_path)
            bound = await asyncio.to_thread(self.verdict_store.version, order)
            if bound is not None and bound.accepted and bound.digest != content:
                return refused_record([_version_changed(order, bound, content)], key=UNREAD)
            job = self._job(order, work / "dataset", policy)
            job = await self._premeasured(job, listing, by_path, on_progress)
            result = await self.read(job, work, timeout_s=self.bounds.timeout_s, on_progress=on_progress)
            if isinstance(result, Finding):
                record = refused_record([result], key=key, content_digest=content)
                await asyncio.to_thread(self.verdict_store.put_record, order, record)
                return record
            duration_s = self.clock() - started_s
            on_progress(Progress(stage="storing"))
            put = partial(self.verdict_store.put, content_digest=content, duration_s=duration_s)
            return await asyncio.to_thread(put, order, key, result, work)

    async def _fetch(self, listing: Listing, folder: Path, on_progress: OnProgress) -> dict[str, str]:
        cancel_token, loop = CancelToken(), asyncio.get_running_loop()

        def report(done: int, total: int) -> None:
            loop.call_soon_threadsafe(on_progress, Progress(stage="fetching", done=done, total=total))

        try:
            return await asyncio.to_thread(
                fetch,
                self.store,
                listing,
                folder,
                workers=self.bounds.fetchers,
                cancel_token=cancel_token,
                on_progress=report,
                fetch_cache=self.fetch_cache,
            )
        except asyncio.CancelledError:
            cancel_token.cancel()
            raise

    async def _premeasured(
        self, job: Job, listing: Listing, digests: Mapping[str, str], on_progress: OnProgress
    ) -> Job:
        """The job, told where measures of its images lie that were taken in shards."""
        if self.premeasuring is None:
            return job
        cache_file = Path(job.cache_file or Path(job.folder).parent / "measures.sqlite")
        count = await self.premeasuring.measure(
            listing,
            digests,
            folder=Path(job.folder),
            cache_file=cache_file,
            thumbnail_px=job.policy.thumbnail_px,
            on_done=lambda done, total: on_progress(Progress(stage="reading", done=done, total=total)),
        )
        if not count:
            return job
        # All of them have to stay until they are judged.
        limit_bytes = max(job.scan_cache_bytes, BYTES_PER_IMAGE * count)
        return replace(job, cache_file=str(cache_file), scan_cache_bytes=limit_bytes)

    def _job(self, order: DatasetOrder, folder: Path, policy: Policy) -> Job:
        return Job(
            folder=str(folder),
            format=order.format,
            category=order.category,
            option=order.option,
            architecture=order.expected_architecture,
            class_names=tuple(order.class_names),
            policy=policy,
            memory_bytes=self.bounds.memory_bytes,
            workers=self.bounds.readers,
            cache_file=str(self.cache_file.resolve()) if self.cache_file else "",
            scan_cache_bytes=self.bounds.scan_cache_bytes,
            key_id=self.verdict_store.key_id,
            about={
                "dataset_id": order.dataset_id,
                "version": order.version,
                "uri": order.uri,
                "category": order.category,
                "option": order.option,
            },
        )


def _changed_meanwhile(message: str) -> Finding:
    return finding(BY_ID["order.changed_meanwhile"], message, location="uri")


def _digests_by_path(listing: Listing, folder: Path, digests: Mapping[str, str]) -> dict[str, str]:
    """`digests` are by address; what is not among them is read."""
    return {one.path: digests.get(one.uri) or sha256_of(folder / one.path) for one in listing.files}


def _version_changed(order: DatasetOrder, bound: DatasetVersion, content: str) -> Finding:
    message = (
        f"version {order.version} of {order.dataset_id} was accepted on {bound.validated_at:%Y-%m-%d} with content "
        f"{bound.digest} ({bound.image_count} images), and under {order.uri} lies content {content}: order it as a new "
        "version"
    )
    return finding(BY_ID["order.version_changed"], message, location="version")


def sequence_of(record: VerdictRecord, order_bytes: bytes) -> str:
    """The answer's sequence: the same for the same order and content."""
    findings = "" if record.key != UNREAD else repr([(found.rule, found.message) for found in record.findings])
    return hashlib.sha256(b"\0".join((record.key.encode(), findings.encode(), order_bytes))).hexdigest()
