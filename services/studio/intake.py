"""Files that come in: received within bounds, decoded in the child, kept by their content."""

from __future__ import annotations

import asyncio
import errno
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from truscore.datasets.index.records import ImageRecord
from truscore.files import sha256_of

from services.studio.child.decoder import Decoder
from services.studio.child.job import Decoded, DecodeJob
from services.studio.drafts.dataset import InvalidDraft, image_path
from services.studio.drafts.document import Document
from services.studio.drafts.files import Files
from services.studio.drafts.marks import record_from_json
from services.studio.drafts.store import DraftStore


class TooLarge(InvalidDraft):
    """More bytes than are accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    image_bytes: int
    image_pixels: int
    decode_timeout_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    image_id: int
    path: str


class Intake:
    """Uploads into drafts."""

    def __init__(self, *, files: Files, drafts: DraftStore, decoder: Decoder, bounds: Bounds) -> None:
        self.files, self._drafts, self._decoder, self.bounds = files, drafts, decoder, bounds
        self._drawing = asyncio.Lock()
        files.clear(files.incoming, goes_on=True)  # browsers send the rest

    async def take_image(self, dataset_id: str, name: str, content: AsyncIterator[bytes]) -> Taken:
        """One image into a draft. Raises InvalidDraft (Duplicate, TooLarge) naming what is wrong with the file."""
        path = image_path(name)
        await asyncio.to_thread(self._drafts.get, dataset_id)
        incoming = self.files.incoming / uuid.uuid4().hex
        try:
            await receive(content, incoming, most_bytes=self.bounds.image_bytes)
            return await self._keep(dataset_id, path, incoming)
        finally:
            incoming.unlink(missing_ok=True)

    async def take_received(self, dataset_id: str, name: str, file: Path) -> Taken:
        """As `take_image`, of a file that has come in; it is there no more afterwards."""
        try:
            path = image_path(name)
            await asyncio.to_thread(self._drafts.get, dataset_id)
            return await self._keep(dataset_id, path, file)
        finally:
            await asyncio.to_thread(file.unlink, missing_ok=True)

    async def _keep(self, dataset_id: str, path: str, incoming: Path) -> Taken:
        sha256 = await asyncio.to_thread(sha256_of, incoming)
        decoded = await self._decoder.decode(self._job(incoming, path, sha256))
        _check(decoded)
        await asyncio.to_thread(_move, incoming, self.files.image(sha256))
        record = record_from_json(decoded.record)
        image_id = await asyncio.to_thread(self._drafts.add_image, dataset_id, record)
        return Taken(image_id=image_id, path=path)

    def _job(self, file: Path, path: str, sha256: str) -> DecodeJob:
        return DecodeJob(
            file=str(file),
            path=path,
            preview=str(self.files.preview(sha256)),
            thumbnail=str(self.files.thumbnail(sha256)),
            pyramid=str(self.files.pyramid(sha256)),
            most_bytes=self.bounds.image_bytes,
            most_pixels=self.bounds.image_pixels,
        )

    async def pyramid(self, record: ImageRecord) -> Path:
        """Its tiles; drawn now where it came before there were any. Raises InvalidDraft."""
        path = self.files.pyramid(record.sha256)
        if not path.is_file():
            async with self._drawing:
                if not path.is_file():
                    await self._drawn(record)
        return path

    async def _drawn(self, record: ImageRecord) -> None:
        decoded = await self._decoder.decode(self._job(self.files.image(record.sha256), record.path, record.sha256))
        _check(decoded)

    async def take_read(self, dataset_id: str, record: ImageRecord, document: Document, file: Path) -> None:
        """An image of an imported folder, with what is marked on it. Raises InvalidDraft."""
        decoded = await self._decoder.decode(self._job(file, record.path, record.sha256))
        _check(decoded)
        await asyncio.to_thread(_move, file, self.files.image(record.sha256))
        await asyncio.to_thread(self._drafts.add_image, dataset_id, record, document)


async def receive(content: AsyncIterator[bytes], path: Path, *, most_bytes: int, may_be_empty: bool = False) -> int:
    """Write a body to a file; returns its bytes. Raises TooLarge before more is written."""
    size = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        async for part in content:
            size += len(part)
            if size > most_bytes:
                raise TooLarge(f"larger than {most_bytes} bytes, which is the most that is accepted")
            await asyncio.to_thread(file.write, part)
    if size == 0 and not may_be_empty:
        raise InvalidDraft("the file is empty")
    return size


def _check(decoded: Decoded) -> None:
    """Raises InvalidDraft where the file is at fault, and OSError where the disk has no room."""
    if decoded.full_disk:
        raise OSError(errno.ENOSPC, decoded.fault)
    if decoded.fault:
        raise InvalidDraft(decoded.fault)


def _move(file: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        file.replace(place)
