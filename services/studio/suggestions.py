"""Marks that an exported model proposes: which models fit a draft, and what one of them says of an image."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Final, Protocol

from truscore.storage import Store

from services.studio.child.line_child import ChildBroke, ChildSlow, LineChild
from services.studio.drafts.dataset import Draft, InvalidDraft
from services.studio.drafts.files import Files
from services.studio.drafts.store import DraftStore
from services.studio.handlers.monitor import Plain

MODULE: Final = "services.studio.child.suggesting"
FORMAT: Final = "onnx"
DIGEST: Final = re.compile(r"[0-9a-f]{64}")
MOST_MODELS: Final = 50
MOST_MODEL_BYTES: Final = 2 << 30
KEPT_MODELS: Final = 4


class Runs(Protocol):
    """What is asked of the monitor."""

    async def list(self, *, dataset_id: str = "", state: str = "", limit: int = 100) -> tuple[Plain, ...]: ...
    async def get(self, reference: str) -> Plain: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class FittingModel:
    """A finished run's model that can be asked about a draft."""

    run_id: str
    model_id: str
    dataset_id: str
    dataset_version: str
    architecture: str
    fit_for_use: bool | None
    exported_at: float


def fits(run: Plain, draft: Draft) -> bool:
    """Whether it was exported for the draft's option, with a file that is run here."""
    same = (run["category"], run["option"]) == (draft.category, draft.option)
    return same and _file_of(run) is not None


def _file_of(run: Plain) -> Plain | None:
    return next((each for each in run["artifacts"] if each["format"] == FORMAT), None)


class Suggestions:
    """Asks one model about one image at a time, in the child."""

    def __init__(self, *, drafts: DraftStore, files: Files, store: Store, runs: Runs, child: LineChild) -> None:
        self._drafts, self._files, self._store, self._runs, self._child = drafts, files, store, runs, child
        self._fetching = asyncio.Lock()

    async def models(self, dataset_id: str) -> list[FittingModel]:
        """Newest first. Raises UnknownDraft and MonitorAway."""
        draft = await asyncio.to_thread(self._drafts.get, dataset_id)
        runs = await self._runs.list(state="EXPORTED", limit=1000)
        return [
            FittingModel(exported_at=run["updated_at"], **{key: run[key] for key in _SHOWN})
            for run in runs
            if fits(run, draft)
        ][:MOST_MODELS]

    async def suggest(self, dataset_id: str, image_id: int, *, run_id: str) -> Plain:
        """Proposals for the image, as the child says them. Raises InvalidDraft where the model can't be asked."""
        draft = await asyncio.to_thread(self._drafts.get, dataset_id)
        record = await asyncio.to_thread(self._drafts.image, dataset_id, image_id)
        run, model = await self._model(draft, run_id)
        job = {
            "model": model,
            "image": str(self._files.image(record.sha256)),
            "category": draft.category,
            "option": draft.option,
            "class_names": draft.class_names,
        }
        try:
            answer = await self._child.ask(job)
        except ChildSlow as error:
            raise InvalidDraft(f"the model takes {error} for this image, which is all it may take") from error
        except ChildBroke as error:
            raise InvalidDraft("the process that runs models broke down on this one") from error
        if answer["fault"]:
            raise InvalidDraft(answer["fault"])
        return {**answer, "model_id": run["model_id"], "run_id": run["run_id"]}

    async def model_for(self, draft: Draft, run_id: str) -> str:
        """The run's file on this disk, called by its digest. Raises InvalidDraft where it does not fit the draft."""
        _, model = await self._model(draft, run_id)
        return model

    async def _model(self, draft: Draft, run_id: str) -> tuple[Plain, str]:
        run = await self._runs.get(run_id)
        file = _file_of(run)
        if file is None:
            raise InvalidDraft(
                f"run {run_id[:60]!r} has no {FORMAT} file; accepted: a run that was exported as {FORMAT}"
            )
        if not fits(run, draft):
            raise InvalidDraft(
                f"the model is for {run['category']} · {run['option']}; accepted for this dataset: "
                f"{draft.category} · {draft.option}"
            )
        return run, await self._fetched(file)

    async def _fetched(self, file: Plain) -> str:
        """The file on this disk, its digest proved; of all that were asked the latest few are kept."""
        if not DIGEST.fullmatch(file["sha256"]) or file["size_bytes"] > MOST_MODEL_BYTES:
            raise InvalidDraft(
                f"model file of {file['size_bytes']} bytes, SHA-256 {file['sha256'][:80]!r}; accepted: up to "
                f"{MOST_MODEL_BYTES} bytes, with its digest"
            )
        async with self._fetching:
            return await asyncio.to_thread(self._fetch, file["uri"], file["sha256"])

    def _fetch(self, uri: str, sha256: str) -> str:
        path = self._files.model(sha256)
        if path.is_file():
            path.touch()
            return str(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._store.get_file(uri, path, sha256=sha256, limit_bytes=MOST_MODEL_BYTES)
        for old in sorted(path.parent.iterdir(), key=lambda each: -each.stat().st_mtime)[KEPT_MODELS:]:
            old.unlink(missing_ok=True)
        return str(path)

    async def close(self) -> None:
        await self._child.close()


_SHOWN: Final = ("run_id", "model_id", "dataset_id", "dataset_version", "architecture", "fit_for_use")
