"""A validator on a store in memory, with the reading process real, and what it said: for tests of its answers."""

import asyncio
import dataclasses
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from truscore.bus import Envelope, MemoryPublisher
from truscore.events.v1.dataset_pb2 import DatasetProgress, DatasetReady, DatasetRejected
from truscore.storage import MemoryStore

from services.dataset_validator.handlers import on_dataset_ready
from services.dataset_validator.validator import Bounds, Validator
from services.dataset_validator.verdict_store import VerdictStore

URI = "s3://cards/sets/one/"
ENVELOPE = Envelope(
    event_id="e",
    type="truscore.events.v1.DatasetReady",
    source="upstream",
    subject="one/v1",
    time=datetime(2026, 1, 1, tzinfo=UTC),
    correlation_id="one/v1",
    traceparent=None,
    delivery=1,
)


class CountingStore(MemoryStore):
    """Counts files that were fetched."""

    fetched = 0

    def get_file(self, uri: str, path: Path, **arguments: object):  # type: ignore[no-untyped-def]
        self.fetched += 1
        return super().get_file(uri, path, **arguments)


class ServiceHarness:
    """A validator on a store in memory, with what it said."""

    def __init__(self, workdir: Path, store: MemoryStore) -> None:
        self.store, self.workdir = store, workdir
        self.publisher = MemoryPublisher(service="dataset-validator")
        self.draining = asyncio.Event()
        bounds = Bounds(most_objects=1000, most_bytes=10**8, memory_bytes=3 * 2**30, timeout_s=120)
        self.validator = Validator(
            store=store, verdict_store=VerdictStore(store=store, bucket="truscore"), workdir=workdir, bounds=bounds
        )

    @property
    def answers(self) -> list[tuple[Any, Envelope]]:
        """What was said, but for how far it was."""
        return [published for published in self.publisher.published if not isinstance(published[0], DatasetProgress)]

    @property
    def progress(self) -> list[DatasetProgress]:
        return [event for event, _ in self.publisher.published if isinstance(event, DatasetProgress)]

    def ready(self, **changes: object) -> DatasetReady:
        plain = {"dataset_id": "one", "version": "v1", "uri": URI, "category": "border_detection"}
        return DatasetReady(**{**plain, "option": "dual_class", **changes})

    async def handle(  # type: ignore[no-untyped-def]
        self,
        ready: DatasetReady,
        working: Callable[[str], AbstractAsyncContextManager] | None = None,
        *,
        event_id: str = ENVELOPE.event_id,
    ):
        handler = on_dataset_ready(
            validator=self.validator,
            publisher=self.publisher,
            working=working or (lambda _subject: nullcontext()),
            draining=self.draining,
            clock=lambda: 0.0,
        )
        await handler(ready, dataclasses.replace(ENVELOPE, event_id=event_id))
        return self.answers[-1]

    async def rejected(self, **changes: object) -> DatasetRejected:
        event, _ = await self.handle(self.ready(**changes))
        assert isinstance(event, DatasetRejected)
        return event


def upload(harness: ServiceHarness, folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            harness.store.put(URI + path.relative_to(folder).as_posix(), path.read_bytes())


def rules(event: DatasetRejected) -> list[str]:
    return [found.rule for found in event.findings]
