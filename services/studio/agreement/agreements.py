"""How far annotators agree: each reading of an image compared with its shared document, and with the other readings."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from services.studio.agreement.comparisons import SHARED, Canvas, Comparisons, Side
from services.studio.agreement.summary import disagreements, pairs_of, summary_of
from services.studio.drafts.dataset import Draft
from services.studio.drafts.document import Document
from services.studio.drafts.journal import Batch, Journal
from services.studio.drafts.readings import Reading, Readings
from services.studio.drafts.store import DraftStore

DONE: Final = "done"
BY_ITSELF: Final = "(agreement)"  # the journal's author of a dispute that nobody declared
MOST_IMAGES: Final = 2000  # of a dataset's page
MOST_LISTED: Final = 200
MOST_COMPARED: Final = 10  # readings of one image with each other, the first by name


@dataclass(frozen=True, kw_only=True, slots=True)
class _Image:
    canvas: Canvas
    path: str
    revision: int
    document: Document


class Agreements:
    """Who agrees with whom on an image, and over a dataset."""

    def __init__(
        self,
        *,
        drafts: DraftStore,
        journal: Journal,
        readings: Readings,
        comparisons: Comparisons,
        least_overlap: float,
    ) -> None:
        self._drafts, self._journal, self._readings = drafts, journal, readings
        self._comparisons, self._least_overlap = comparisons, least_overlap

    async def of_image(self, dataset_id: str, image_id: int) -> dict[str, Any]:
        """Who made the shared document, and how each reading compares with it. Raises UnknownDraft and InvalidDraft."""
        draft, image = await self._image(dataset_id, image_id)
        readings = await asyncio.to_thread(self._readings.of_image, dataset_id, image_id)
        authors = await self._authors(image_id)
        return {
            "authors": authors,
            "review": image.document.review,
            "readings": [await self._row(draft, image, reading, authors) for reading in readings],
            "between": await self._between(draft, image, readings),
        }

    async def of_dataset(self, dataset_id: str) -> dict[str, Any]:
        """Figures over the images of which a reading is done, and those images, disputed ones first."""
        draft = await asyncio.to_thread(self._drafts.get, dataset_id)
        rows, between = [], []
        for image_id in (await asyncio.to_thread(self._readings.images, dataset_id))[:MOST_IMAGES]:
            _, image = await self._image(dataset_id, image_id)
            authors = await self._authors(image_id)
            readings = await asyncio.to_thread(self._readings.of_image, dataset_id, image_id)
            between += await self._between(draft, image, readings)
            for reading in readings:
                if reading.document.review == DONE and image.document.is_annotated:
                    row = await self._row(draft, image, reading, authors)
                    rows.append({**row, "image_id": image_id, "path": image.path, "review": image.document.review})
        rows.sort(key=lambda row: (row["review"] != "disputed", not row["reasons"], row["path"]))
        summary = summary_of((row["found"] for row in rows), grades=draft.grades, classes=len(draft.class_names))
        disputed = len({row["image_id"] for row in rows if row["review"] == "disputed"})
        pairs = [((*row["annotators"],), row["found"]) for row in between]
        # Whoever made the shared document, where that was one other person, is compared like any of the two.
        pairs += [
            ((*sorted([row["authors"][0], row["annotator"]]),), row["found"])
            for row in rows
            if len(row["authors"]) == 1 and not row["is_same_person"]
        ]
        return {
            "summary": {**summary, "disputed": disputed},
            "images": rows[:MOST_LISTED],
            "pairs": pairs_of(pairs, grades=draft.grades, classes=len(draft.class_names))[:MOST_LISTED],
        }

    async def settle(self, dataset_id: str, image_id: int) -> bool:
        """Make the image disputed where it is done, and a reading that is done says something else. Whether it did.

        What a reviewer has decided stays; an image is never made undisputed by this.
        """
        draft, image = await self._image(dataset_id, image_id)
        if image.document.review != DONE:
            return False
        for reading in await asyncio.to_thread(self._readings.of_image, dataset_id, image_id):
            if reading.document.review == DONE and (await self._row(draft, image, reading, ()))["reasons"]:
                operations = [{"op": "review", "state": "disputed"}]
                batch = Batch(base=image.revision, batch_id=uuid.uuid4().hex, operations=operations)
                # A stale base is an edit of the moment: whoever makes it says again when the image is done.
                await asyncio.to_thread(self._journal.save, dataset_id, image_id, batch, author=BY_ITSELF)
                return True
        return False

    async def _authors(self, image_id: int) -> tuple[str, ...]:
        authors = await asyncio.to_thread(self._journal.authors, image_id)
        return tuple(author for author in authors if author != BY_ITSELF)

    async def _image(self, dataset_id: str, image_id: int) -> tuple[Draft, _Image]:
        draft = await asyncio.to_thread(self._drafts.get, dataset_id)
        record = await asyncio.to_thread(self._drafts.image, dataset_id, image_id)
        revision, document = await asyncio.to_thread(self._journal.open, dataset_id, image_id)
        return draft, _Image(
            canvas=Canvas(image_id=image_id, width=record.width, height=record.height),
            path=record.path,
            revision=revision,
            document=document,
        )

    async def _row(self, draft: Draft, image: _Image, reading: Reading, authors: tuple[str, ...]) -> dict[str, Any]:
        found = await self._comparisons.of(image.canvas, _shared(image), _side(reading))
        return {
            "annotator": reading.annotator,
            "is_done": reading.document.review == DONE,
            "is_same_person": authors == (reading.annotator,),
            "authors": authors,
            "found": found,
            "reasons": disagreements(found, grades=draft.grades, least_overlap=self._least_overlap),
        }

    async def _between(self, draft: Draft, image: _Image, readings: Sequence[Reading]) -> list[dict[str, Any]]:
        """Readings that are done, each compared with each: of two people who never saw each other's marks."""
        done = sorted((each for each in readings if each.document.review == DONE), key=lambda each: each.annotator)
        rows = []
        for one, other in combinations(done[:MOST_COMPARED], 2):
            found = await self._comparisons.of(image.canvas, _side(one), _side(other))
            reasons = disagreements(found, grades=draft.grades, least_overlap=self._least_overlap)
            rows.append({"annotators": [one.annotator, other.annotator], "found": found, "reasons": reasons})
        return rows


def _shared(image: _Image) -> Side:
    return Side(name=SHARED, revision=image.revision, document=image.document)


def _side(reading: Reading) -> Side:
    return Side(name=reading.annotator, revision=reading.revision, document=reading.document)
