"""Folders that come in file by file and are read as a dataset, marks and all, by the readers of every format."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from truscore.datasets.index.json_codec import index_from_json
from truscore.datasets.index.records import DatasetIndex

from services.studio.child.whole_process import INDEX, run_whole
from services.studio.drafts.dataset import InvalidDraft, checked_classes, image_path
from services.studio.drafts.marks import document_of
from services.studio.drafts.store import DraftStore
from services.studio.intake import Intake, receive
from services.studio.publish.publishing import ChildBounds

ID: Final = re.compile(r"[0-9a-f-]{8,64}")
MOST_NAMED: Final = 50
# An image may come with a file of marks, a mask and a preview.
FILES_PER_IMAGE: Final = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What came of it. `problems` in words, the first of them."""

    format: str
    images: int
    marks: int
    classes_added: tuple[str, ...]
    problems: tuple[str, ...]


class Imports:
    """Each import has a folder of its own until it is read."""

    def __init__(self, *, intake: Intake, drafts: DraftStore, bounds: ChildBounds) -> None:
        self._intake, self._drafts, self._bounds = intake, drafts, bounds
        self._names: dict[str, set[str]] = {}  # of the files that have come in, by import
        self._most_files = FILES_PER_IMAGE * drafts.most_images

    def _folder(self, dataset_id: str, import_id: str) -> Path:
        if not ID.fullmatch(import_id):
            raise InvalidDraft(f"import id {import_id[:80]!r}; accepted: 8 to 64 hexadecimal digits")
        self._drafts.get(dataset_id)
        return self._intake.files.incoming / f"import-{import_id}"

    async def add_file(self, dataset_id: str, import_id: str, name: str, content: AsyncIterator[bytes]) -> None:
        """One file under its relative path. Raises InvalidDraft."""
        place = await self._place(dataset_id, import_id, name)
        await asyncio.to_thread(place.unlink, missing_ok=True)
        await receive(content, place, most_bytes=self._intake.bounds.image_bytes, may_be_empty=True)

    async def add_received(self, dataset_id: str, import_id: str, name: str, file: Path) -> None:
        """The same of a file that has come in piece by piece."""
        place = await self._place(dataset_id, import_id, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(file.replace, place)

    async def received(self, dataset_id: str, import_id: str) -> dict[str, int]:
        """The size of each file that has come in, by its path."""
        folder = await asyncio.to_thread(self._folder, dataset_id, import_id)
        return await asyncio.to_thread(_sizes, folder / "files")

    async def _place(self, dataset_id: str, import_id: str, name: str) -> Path:
        path = image_path(name)
        folder = await asyncio.to_thread(self._folder, dataset_id, import_id)
        if import_id not in self._names:  # of before a restart, too
            self._names[import_id] = set(await asyncio.to_thread(_sizes, folder / "files"))
        names = self._names[import_id]
        if path not in names and len(names) >= self._most_files:
            raise InvalidDraft(
                f"{path!r} is one file too many: at most {self._most_files} are accepted in an import, "
                f"{FILES_PER_IMAGE} for each image that a dataset may have; import the folder in parts"
            )
        names.add(path)
        return folder / "files" / path

    async def read(self, dataset_id: str, import_id: str) -> Imported:
        """Read the folder, and take what is in it into the draft. Raises InvalidDraft and ChildFailed."""
        folder = await asyncio.to_thread(self._folder, dataset_id, import_id)
        root = await asyncio.to_thread(_root_of, folder / "files")
        bounds = self._intake.bounds
        limits = {"most_bytes": bounds.image_bytes, "most_pixels": bounds.image_pixels}
        job = {"what": "read", "folder": str(root), **limits}
        try:
            outcome = await run_whole(
                job, folder, timeout_s=self._bounds.timeout_s, memory_bytes=self._bounds.memory_bytes
            )
            if not outcome["read"]:
                raise InvalidDraft(f"the folder can't be read as a dataset: {'; '.join(outcome['problems'][:5])}")
            index = index_from_json(await asyncio.to_thread((folder / INDEX).read_text))
            return await self._taken(dataset_id, index, root, outcome["problems"])
        finally:
            self._names.pop(import_id, None)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _taken(self, dataset_id: str, index: DatasetIndex, root: Path, problems: Sequence[str]) -> Imported:
        draft = await asyncio.to_thread(self._drafts.get, dataset_id)
        added = tuple(name for name in index.class_names if name not in draft.class_names)
        names = checked_classes((*draft.class_names, *added))
        await asyncio.to_thread(self._drafts.set_classes, dataset_id, names)
        labels = {number: names.index(name) + 1 for number, name in enumerate(index.class_names, start=1)}
        refused, images, marks = [], 0, 0
        for record in index.images:
            try:
                document = document_of(record, labels=labels)
                await self._intake.take_read(dataset_id, record, document, root / record.path)
            except InvalidDraft as error:
                refused.append(f"{record.path}: {error}")
            else:
                images, marks = images + 1, marks + len(document.shapes)
        if index.objects:
            refused.append(f"maps of {len(index.objects)} objects were not taken: masks and normals are not drawn here")
        return Imported(
            format=index.format,
            images=images,
            marks=marks,
            classes_added=added,
            problems=(*refused, *problems)[:MOST_NAMED],
        )


def _sizes(folder: Path) -> dict[str, int]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def _root_of(folder: Path) -> Path:
    """The folder that was dragged in: all files lie in it, and their paths should not begin with its name."""
    inside = list(folder.iterdir()) if folder.is_dir() else []
    if not inside:
        raise InvalidDraft("no files have come in for this import")
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
