"""What the validator's rules find on an image while it is annotated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from services.studio.child.line_child import ChildBroke, ChildSlow, LineChild
from services.studio.drafts.dataset import InvalidDraft
from services.studio.drafts.files import Files
from services.studio.drafts.marks import record_to_json
from services.studio.drafts.store import DraftStore
from services.studio.intake import Bounds

MOST_TOUCHED: Final = 1000


class LiveFindings:
    """Asks the rules about one image at a time, in the child."""

    def __init__(
        self,
        *,
        drafts: DraftStore,
        files: Files,
        child: LineChild,
        bounds: Bounds,
        policies: Path | None,
    ) -> None:
        self._drafts, self._files, self._child = drafts, files, child
        self._bounds, self._policies = bounds, policies

    async def find(
        self, dataset_id: str, image_id: int, document: str, *, touched: Sequence[str] | None
    ) -> list[dict[str, Any]]:
        """What is found about the shapes that are named, or without `touched` about the whole image and its pixels;
        `document` as JSON. Raises InvalidDraft in words, and UnknownDraft."""
        if touched is not None and len(touched) > MOST_TOUCHED:
            raise InvalidDraft(f"touched names {len(touched)} shapes; accepted: up to {MOST_TOUCHED}")
        draft = await asyncio.to_thread(self._drafts.get, dataset_id)
        record = await asyncio.to_thread(self._drafts.image, dataset_id, image_id)
        job = {
            "what": "check",
            "dataset_id": dataset_id,
            "category": draft.category,
            "option": draft.option,
            "architecture": draft.architecture,
            "class_names": draft.class_names,
            "policies": str(self._policies or ""),
            "record": record_to_json(record),
            "document": document,
            "file": str(self._files.image(record.sha256)),
            "most_bytes": self._bounds.image_bytes,
            "most_pixels": self._bounds.image_pixels,
            "touched": touched,
        }
        try:
            answer = await self._child.ask(job)
        except ChildSlow as error:
            raise InvalidDraft(f"checking this image takes {error}, which is all it may take") from error
        except ChildBroke as error:
            raise InvalidDraft("the process that runs the rules broke down on this image") from error
        if answer["fault"]:
            raise InvalidDraft(answer["fault"])
        found: list[dict[str, Any]] = answer["findings"]
        return found
