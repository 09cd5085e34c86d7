"""What is in a draft: its numbers, how a run would divide it, and what training would make of its images."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from truscore.datasets.index.json_codec import index_to_json
from truscore.datasets.index.records import DatasetIndex

from services.studio.child.whole_process import INDEX, run_whole
from services.studio.drafts.dataset import Draft, InvalidDraft
from services.studio.drafts.files import Files
from services.studio.drafts.marks import to_index
from services.studio.drafts.store import DraftStore
from services.studio.publish.publishing import ChildBounds

SHEET: Final = "sheet.png"
MOST_SHOWN: Final = 8


class Insights:
    """Asks the child, one question after the other: each takes a core for some seconds."""

    def __init__(self, *, drafts: DraftStore, files: Files, bounds: ChildBounds) -> None:
        self._drafts, self._files, self._bounds = drafts, files, bounds
        self._turn = asyncio.Lock()
        files.clear(files.looking)

    async def numbers(self, dataset_id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """As `child.inspecting.inspect` says them. Raises InvalidDraft, UnknownDraft and ChildFailed."""
        draft, index = await self._index(dataset_id)
        async with self._folder(index) as folder:
            return await self._run({"what": "inspect", **_about(draft), **asked}, folder)

    async def sheet(self, dataset_id: str, asked: Mapping[str, Any], *, images: int, variants: int) -> bytes:
        """A PNG of images as they are and as epochs change them. Raises InvalidDraft, UnknownDraft and ChildFailed."""
        draft, index = await self._index(dataset_id)
        files = {image.path: str(self._files.image(image.sha256)) for image in index.images}
        job = {"what": "preview", "files": files, "images": images, "variants": variants, "title": dataset_id}
        async with self._folder(index) as folder:
            outcome = await self._run({**job, **_about(draft), **asked}, folder)
            if outcome["fault"]:
                raise InvalidDraft(outcome["fault"])
            return await asyncio.to_thread((folder / SHEET).read_bytes)

    async def _index(self, dataset_id: str) -> tuple[Draft, DatasetIndex]:
        draft, contents = await asyncio.to_thread(self._drafts.contents, dataset_id)
        if not contents:
            raise InvalidDraft("there is nothing to look at: add images first")
        return draft, to_index(draft.class_names, draft.grades, contents)

    @asynccontextmanager
    async def _folder(self, index: DatasetIndex) -> AsyncIterator[Path]:
        folder = self._files.looking / uuid.uuid4().hex
        async with self._turn:
            try:
                await asyncio.to_thread(folder.mkdir, parents=True)
                await asyncio.to_thread((folder / INDEX).write_text, index_to_json(index))
                yield folder
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _run(self, job: dict[str, Any], folder: Path) -> dict[str, Any]:
        return await run_whole(job, folder, timeout_s=self._bounds.timeout_s, memory_bytes=self._bounds.memory_bytes)


def _about(draft: Draft) -> dict[str, str]:
    return {"category": draft.category, "option": draft.option}


def asked_from(query: Mapping[str, str]) -> dict[str, Any]:
    """Seed and shares as a request has them, None for what it leaves out, and how many seeds are tried for the most
    even division. Raises InvalidDraft."""
    asked: dict[str, Any] = {"seed": whole(query, "seed", None, 0, 2**31 - 1), "even": whole(query, "even", 0, 0, 200)}
    for name in ("validation", "test"):
        text = query.get(name, "")
        try:
            asked[name] = float(text) if text else None
        except ValueError:
            asked[name] = -1.0
        if asked[name] is not None and not 0 <= asked[name] <= 0.9:
            raise InvalidDraft(f"{name} {text[:40]!r}; accepted: a share from 0 to 0.9")
    return asked


def whole(query: Mapping[str, str], name: str, default: int | None, least: int, most: int) -> int | None:
    """Raises InvalidDraft."""
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
        raise InvalidDraft(f"{name} {text[:40]!r}; accepted: a whole number from {least} to {most}")
    return int(text)
