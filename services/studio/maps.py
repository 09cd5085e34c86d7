"""A map of a draft's images: those that a model's body sees alike lie beside each other."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Final

from services.studio.child.line_child import ChildBroke, ChildSlow, LineChild
from services.studio.drafts.dataset import InvalidDraft
from services.studio.drafts.document import Document
from services.studio.drafts.files import Files
from services.studio.drafts.store import DraftStore
from services.studio.suggestions import Suggestions

METHODS: Final = ("pca", "umap")
MOST_IMAGES: Final = 2000
FEWEST_IMAGES: Final = 3
STEP: Final = 8  # images of one question, so that a page can show how far it is
KEPT_MODELS: Final = 4


def methods() -> list[str]:
    """Those that can be asked for here."""
    return [name for name in METHODS if name != "umap" or importlib.util.find_spec("umap") is not None]


class ImageMaps:
    """Made step by step, by whoever asks for it; features are kept, so that nothing is computed twice."""

    def __init__(self, *, drafts: DraftStore, files: Files, suggestions: Suggestions, child: LineChild) -> None:
        self._drafts, self._files, self._suggestions, self._child = drafts, files, suggestions, child

    async def step(self, dataset_id: str, *, run_id: str, method: str) -> dict[str, Any]:
        """How many images are `done` of how many, and the `map` once all are. Raises InvalidDraft, UnknownDraft,
        RunUnknown and MonitorAway."""
        if method not in METHODS:
            raise InvalidDraft(f"method {method!r:.40}; accepted: {', '.join(METHODS)}")
        draft, contents = await asyncio.to_thread(self._drafts.contents, dataset_id)
        contents = contents[:MOST_IMAGES]
        if len(contents) < FEWEST_IMAGES:
            raise InvalidDraft(f"{len(contents)} images make no map: accepted are {FEWEST_IMAGES} and more")
        model = await self._suggestions.model_for(draft, run_id)
        kept = self._files.features(Path(model).stem)
        digests = [record.sha256 for record, _ in contents]
        missing = await asyncio.to_thread(_missing, kept, digests)
        about = {"model": model, "kept": str(kept), "category": draft.category, "option": draft.option,
                 "class_names": draft.class_names}  # fmt: skip
        if missing:
            asked = missing[:STEP]
            await self._ask({**about, "what": "look", "images": {each: str(self._files.image(each)) for each in asked}})
            await asyncio.to_thread(_forget_old, kept)
            return {"done": len(digests) - len(missing) + len(asked), "total": len(digests), "map": None}
        found = await self._ask({**about, "what": "map", "images": digests, "method": method})
        rows = await asyncio.to_thread(self._drafts.images, dataset_id)
        ids = {row.path: row.image_id for row in rows}
        points = [
            {"image_id": ids.get(record.path), "path": record.path, "label": label_of(document), "x": x, "y": y}
            for (record, document), (x, y) in zip(contents, found["places"], strict=True)
        ]
        return {
            "done": len(digests),
            "total": len(digests),
            "map": {
                "method": found["method"],
                "explained": found["explained"],
                "class_names": draft.class_names,
                "points": [point for point in points if point["image_id"] is not None],
            },
        }

    async def _ask(self, job: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await self._child.ask(job)
        except ChildSlow as error:
            raise InvalidDraft(f"the model takes {error} for these images, which is all it may take") from error
        except ChildBroke as error:
            raise InvalidDraft("the process that runs models broke down on these images") from error
        if answer["fault"]:
            raise InvalidDraft(answer["fault"])
        return answer

    async def close(self) -> None:
        await self._child.close()


def label_of(document: Document) -> int | None:
    """What an image is coloured by: its label, else the class of most of its marks; None without either."""
    if document.labels:
        return document.labels[0]
    counted = Counter(shape.label for shape in document.shapes.values())
    return min(counted, key=lambda label: (-counted[label], label)) if counted else None


def _missing(kept: Path, digests: list[str]) -> list[str]:
    there = {path.stem for path in kept.glob("*.npy")}
    return [each for each in digests if each not in there]


def _forget_old(kept: Path) -> None:
    """Of all models that were asked the features of the latest few stay."""
    kept.touch()
    for old in sorted(kept.parent.iterdir(), key=lambda each: -each.stat().st_mtime)[KEPT_MODELS:]:
        shutil.rmtree(old, ignore_errors=True)
