"""From an order to its verdict: refuse, list, look up, fetch, read apart, keep."""

import asyncio
import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from truscore.storage import DigestMismatch, ObjectMissing, Store
from truscore.validation import BY_ID, Finding, Order, Policy, finding, policy_for, refusals

from services.dataset_validator.fetching import Abandoned, AtHand, fetch
from services.dataset_validator.job import Job, Outcome
from services.dataset_validator.listing import Listing, list_dataset
from services.dataset_validator.progress import Progress
from services.dataset_validator.reader_process import Tell, read_apart
from services.dataset_validator.verdict_record import Judged, refused, verdict_key
from services.dataset_validator.verdict_store import Shelf

UNREAD = "unread"


class Read(Protocol):
    """Reads one dataset within bounds; a finding where it goes beyond them or makes the reader crash."""

    async def __call__(
        self, job: Job, folder: Path, *, timeout_s: float, tell: Tell | None = None
    ) -> Outcome | Finding: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What one dataset may cost."""

    most_objects: int
    most_bytes: int
    memory_bytes: int
    timeout_s: float
    readers: int = 2
    results_bytes: int = 512 * 2**20
    fetchers: int = 8

    @property
    def that_matter(self) -> str:
        """Those that a verdict depends on, as text: how many work at it is not among them."""
        return f"{self.most_objects} {self.most_bytes} {self.memory_bytes} {self.timeout_s}"


class OneAtATime:
    """A lock for each name, forgotten when nobody holds or awaits it."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._wanted: Counter[str] = Counter()

    @asynccontextmanager
    async def holding(self, name: str) -> AsyncIterator[None]:
        lock = self._locks.setdefault(name, asyncio.Lock())
        self._wanted[name] += 1
        try:
            async with lock:
                yield
        finally:
            self._wanted[name] -= 1
            if not self._wanted[name]:
                del self._wanted[name], self._locks[name]


@dataclass(frozen=True, kw_only=True, slots=True)
class Validator:
    """Judges orders. What is wrong with order or dataset is in the verdict; what fails raises."""

    store: Store
    shelf: Shelf
    workdir: Path
    bounds: Bounds
    policies: Path | None = None  # files that change the categories' own policies
    read: Read = read_apart
    turns: OneAtATime = field(default_factory=OneAtATime)
    remembered: Path | None = None  # file that remembers what images measured
    at_hand: AtHand | None = None
    clock: Callable[[], float] = time.monotonic

    async def judge(self, order: Order, tell: Tell = lambda _progress: None) -> Judged:
        """The verdict; the same for the same content, whether it was reached now or before.

        `tell` hears how far it is.
        """
        if found := refusals(order):
            return refused(found, key=UNREAD)
        async with self.turns.holding(f"{order.dataset_id}/{order.version}"):
            tell(Progress(stage="listing"))
            listing = await self._list(order)
            if listing.refusals:
                return refused(listing.refusals, key=UNREAD)
            policy = policy_for(order.category, folder=self.policies, dataset_id=order.dataset_id)
            key = verdict_key(
                order,
                listing_digest=listing.digest,
                policy=policy,
                bounds=self.bounds.that_matter,
                key_id=self.shelf.key_id,
            )
            known = await asyncio.to_thread(self.shelf.find, order, key)
            return known or await self._judge_anew(order, listing, key, policy, tell)

    async def _list(self, order: Order) -> Listing:
        return await asyncio.to_thread(
            list_dataset,
            self.store,
            order.uri,
            most_objects=self.bounds.most_objects,
            most_bytes=self.bounds.most_bytes,
        )

    async def _judge_anew(self, order: Order, listing: Listing, key: str, policy: Policy, tell: Tell) -> Judged:
        with tempfile.TemporaryDirectory(prefix="dataset-", dir=self.workdir, ignore_cleanup_errors=True) as name:
            work, began_s = Path(name), self.clock()
            try:
                digests = await self._fetch(listing, work / "dataset", tell)
            except (ObjectMissing, DigestMismatch) as error:
                return refused([_changed(str(error))], key=UNREAD)
            if (await self._list(order)).digest != listing.digest:
                return refused([_changed("objects were added, removed or replaced while they were read")], key=UNREAD)
            if self.at_hand is not None:
                # Not before the second listing: the content of a replaced object would pass for that of the old one.
                await asyncio.to_thread(self.at_hand.digests.note, listing.files, digests)
            job = self._job(order, work / "dataset", policy)
            outcome = await self.read(job, work, timeout_s=self.bounds.timeout_s, tell=tell)
            if isinstance(outcome, Finding):
                judged = refused([outcome], key=key)
                await asyncio.to_thread(self.shelf.remember, order, judged)
                return judged
            took_s = self.clock() - began_s
            tell(Progress(stage="storing"))
            return await asyncio.to_thread(self.shelf.keep, order, key, outcome, work, duration_s=took_s)

    async def _fetch(self, listing: Listing, folder: Path, tell: Tell) -> dict[str, str]:
        abandoned, loop = Abandoned(), asyncio.get_running_loop()

        def fetched(done: int, total: int) -> None:
            loop.call_soon_threadsafe(tell, Progress(stage="fetching", done=done, total=total))

        try:
            return await asyncio.to_thread(
                fetch,
                self.store,
                listing,
                folder,
                workers=self.bounds.fetchers,
                abandoned=abandoned,
                fetched=fetched,
                at_hand=self.at_hand,
            )
        except asyncio.CancelledError:
            abandoned.abandon()
            raise

    def _job(self, order: Order, folder: Path, policy: Policy) -> Job:
        return Job(
            folder=str(folder),
            format=order.format,
            category=order.category,
            option=order.option,
            class_names=tuple(order.class_names),
            policy=policy,
            memory_bytes=self.bounds.memory_bytes,
            workers=self.bounds.readers,
            remembered=str(self.remembered.resolve()) if self.remembered else "",
            results_bytes=self.bounds.results_bytes,
            key_id=self.shelf.key_id,
            about={
                "dataset_id": order.dataset_id,
                "version": order.version,
                "uri": order.uri,
                "category": order.category,
                "option": order.option,
            },
        )


def _changed(message: str) -> Finding:
    return finding(BY_ID["order.changed_meanwhile"], message, location="uri")


def sequence_of(judged: Judged, order_bytes: bytes) -> str:
    """What tells this answer from others about the dataset: the same order and content give the same."""
    findings = "" if judged.key != UNREAD else repr([(found.rule, found.message) for found in judged.findings])
    return hashlib.sha256(b"\0".join((judged.key.encode(), findings.encode(), order_bytes))).hexdigest()
