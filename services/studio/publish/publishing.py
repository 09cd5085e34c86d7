"""A version of a draft: written, read again, uploaded, read back, and announced for validation."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from truscore.datasets.index.json_codec import index_to_json
from truscore.datasets.index.records import DatasetIndex
from truscore.files import sha256_of
from truscore.ordering import version_at
from truscore.storage import Store, StoreError
from truscore.storage.folder_upload import files_of, upload
from truscore.validation.order import DatasetOrder

from services.studio.child.whole_process import INDEX, ChildFailed, run_whole
from services.studio.database import DatabaseAway
from services.studio.drafts.dataset import Draft, InvalidDraft
from services.studio.drafts.files import Files
from services.studio.drafts.marks import to_index
from services.studio.drafts.store import DraftStore, Version
from services.studio.publish.changes import as_json, changes_between
from services.studio.publish.contents import VersionContents
from services.studio.publish.under_way import UnderWay

log = logging.getLogger("truscore.studio")

LOSSLESS: Final = "truscore"
FORMATS: Final = (LOSSLESS, "coco", "yolo", "voc", "labelme", "folder", "csv", "masks")
AWAY_S: Final = 300.0  # for which a publication waits for the database
AGAIN_S: Final = 2.0


class Announce(Protocol):
    """Publishes an order in the name of a person; returns the event's id."""

    async def __call__(self, order: DatasetOrder, *, requested_by: str) -> str: ...


class NotPublished(Exception):
    """Why, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    dataset_id: str
    format: str
    lossy: bool
    notes: str
    author: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildBounds:
    timeout_s: float
    memory_bytes: int


class Publishing:
    """Publishes one version after the other, in the background."""

    def __init__(
        self,
        *,
        drafts: DraftStore,
        contents: VersionContents,
        under_way: UnderWay,
        files: Files,
        store: Store,
        bucket: str,
        announce: Announce,
        bounds: ChildBounds,
    ) -> None:
        self._contents, self._under_way = contents, under_way
        self._drafts, self._files, self._store, self._bucket = drafts, files, store, bucket
        self._announce, self._bounds = announce, bounds
        self._turn, self._turn_of_changes = asyncio.Lock(), asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        files.clear(files.outgoing)
        under_way.give_up()

    def giving_up(self) -> AbstractAsyncContextManager[None]:
        """Beside the block: versions at which an instance was that has ended."""
        return self._under_way.giving_up()

    async def changes(self, dataset_id: str) -> dict[str, Any]:
        """Of the draft since its latest version; `since` is empty where there is none to compare with."""
        draft, contents = await asyncio.to_thread(self._drafts.contents, dataset_id)
        async with self._turn_of_changes:
            return await asyncio.to_thread(self._changes, draft, to_index(draft.class_names, draft.grades, contents))

    def _changes(self, draft: Draft, index: DatasetIndex) -> dict[str, Any]:
        known = self._contents.latest(draft.dataset_id)
        if known is None:
            return {"since": "", "images": {"added": len(index.images)}, "marks": index.annotation_count}
        version, before = known
        return {"since": version, **as_json(changes_between(before, index))}

    async def begin(self, wanted: Wanted) -> Version:
        """The version that is being made. Raises InvalidDraft and UnknownDraft."""
        if wanted.format not in FORMATS:
            raise InvalidDraft(f"format {wanted.format!r:.60}; accepted: {', '.join(FORMATS)}")
        if len(wanted.notes) > 2000:
            raise InvalidDraft("notes: accepted are up to 2000 characters")
        draft, contents = await asyncio.to_thread(self._drafts.contents, wanted.dataset_id)
        if not contents:
            raise InvalidDraft("there is nothing to publish: add images first")
        index = to_index(draft.class_names, draft.grades, contents)
        now = datetime.now(UTC)
        name = version_at(now)
        version = Version(
            dataset_id=draft.dataset_id,
            version=name,
            uri=f"s3://{self._bucket}/datasets/{draft.dataset_id}/{name}/",
            format=wanted.format,
            notes=wanted.notes,
            images=len(index.images),
            marks=index.annotation_count,
            state="writing",
            message="",
            at=now.timestamp(),
            author=wanted.author,
        )
        await asyncio.to_thread(self._drafts.put_version, version)
        task = asyncio.create_task(self._publish(draft, index, version, lossy=wanted.lossy), name=f"publish {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return version

    async def _publish(self, draft: Draft, index: DatasetIndex, version: Version, *, lossy: bool) -> None:
        folder = self._files.outgoing / uuid.uuid4().hex
        async with self._under_way.held(version), self._turn:
            try:
                await asyncio.to_thread(folder.mkdir, parents=True)
                await self._written(index, version, folder, lossy=lossy)
                await self._set(version, "uploading")
                await asyncio.to_thread(self._uploaded, folder / "out", version.uri)
                await self._announce(order_of(draft, version, validation_only=True), requested_by=version.author)
                await _kept(self._contents.keep, version.dataset_id, version.version, index)
                await self._set(version, "validating")
            except (NotPublished, ChildFailed, StoreError) as error:
                await self._set(version, "failed", str(error))
            except Exception:
                log.exception("version %s of %s was not published", version.version, version.dataset_id)
                await self._set(version, "failed", "the studio failed at it; its log says why")
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _set(self, version: Version, state: str, message: str = "") -> None:
        await _kept(self._drafts.set_state, version.dataset_id, version.version, state, message)

    async def _written(self, index: DatasetIndex, version: Version, folder: Path, *, lossy: bool) -> None:
        await asyncio.to_thread((folder / INDEX).write_text, index_to_json(index))
        files = {image.path: str(self._files.image(image.sha256)) for image in index.images}
        job: dict[str, Any] = {
            "what": "write", "files": files, "out": str(folder / "out"), "format": version.format, "lossy": lossy,
        }  # fmt: skip
        outcome = await run_whole(job, folder, timeout_s=self._bounds.timeout_s, memory_bytes=self._bounds.memory_bytes)
        if not outcome["written"]:
            raise NotPublished(outcome["difference"] or _losses(version.format, outcome["losses"]))

    def _uploaded(self, folder: Path, uri: str) -> None:
        """Upload, and read back: every object is there with its size, and annotation files byte for byte."""
        upload(self._store, folder, uri, progress=lambda _done, _total: None)
        found = {entry.uri: entry.size_bytes for entry in self._store.list(uri)}
        for path in files_of(folder):
            address, size = uri + path.relative_to(folder).as_posix(), path.stat().st_size
            if found.get(address) != size:
                raise NotPublished(f"{address} has {found.get(address)} bytes in the store, expected {size}")
            if path.suffix in {".json", ".yaml", ".txt", ".csv", ".xml"}:
                self._store.get(address, limit_bytes=size, sha256=sha256_of(path))

    async def settled(self) -> None:
        """Return once nothing is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _kept(function: Callable[..., object], *args: object) -> None:
    """Once the database is there: work of half an hour is not thrown away for a restart of it. Raises DatabaseAway."""
    ends = time.monotonic() + AWAY_S
    while True:
        try:
            await asyncio.to_thread(function, *args)
            return
        except DatabaseAway:
            if time.monotonic() >= ends:
                raise
            await asyncio.sleep(AGAIN_S)


def order_of(
    draft: Draft,
    version: Version,
    *,
    validation_only: bool,
    overrides: dict[str, Any] | None = None,
    export_formats: Sequence[str] = (),
    request_id: str = "",
    priority: int = 0,
    time_budget_s: float = 0.0,
) -> DatasetOrder:
    """The order of a version: to be validated, or to be trained on."""
    return DatasetOrder(
        dataset_id=version.dataset_id,
        version=version.version,
        uri=version.uri,
        format=version.format,
        category=draft.category,
        option=draft.option,
        architecture="" if validation_only else draft.architecture,
        overrides=overrides or {},
        export_formats=export_formats,
        request_id=request_id,
        validation_only=validation_only,
        class_names=(),
        priority=priority,
        time_budget_s=time_budget_s,
    )


def _losses(format: str, losses: Sequence[str]) -> str:
    return f"{format} has no place for: {'; '.join(losses)}. Choose another format, or allow the loss"
