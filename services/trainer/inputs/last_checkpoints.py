"""Checkpoints of the last attempt that no pointer names: its service ended first, or its store was away.

They lie on this disk, or in the store, where its own processes took them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import structlog
from truscore.storage import Store

from services.trainer.journal import CheckpointWritten, JournalCorrupt, records_of
from services.trainer.run_store.attempts import Attempt, Attempts
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.stored_uploads import StoredUploads
from services.trainer.run_store.uploads import LATEST, Uploads, read_pointer, worth_keeping
from services.trainer.runs.journal_relay import attempt_folder, furthest, journal_path, load_position

log = structlog.get_logger(__name__)


def keep_last_checkpoints(
    store: Store, keys: RunKeys, run_folder: Path, attempt: Attempt, *, remote: bool, prune: bool
) -> None:
    """Have the pointers name what the last attempt before `attempt` wrote, whose journal is in the run's folder.

    A file counts only with the digest that the journal gives. Nothing is done where an attempt after that one, on
    another host, came to a checkpoint. Raises Fenced and StoreError.
    """
    here = [number for number in range(1, attempt.number) if journal_path(run_folder, number).exists()]
    if not here:
        return
    pointer = read_pointer(store, keys, LATEST)
    last, step = (pointer.attempt, pointer.step) if pointer else (0, -1)
    if here[-1] < last:
        return
    folder = attempt_folder(run_folder, here[-1])
    uploads = (StoredUploads if remote else Uploads)(
        store=store, keys=keys, attempts=Attempts(store, keys), folder=folder,
        # Under the number that wrote them, by the right of the owner that goes on.
        attempt=replace(attempt, number=here[-1]),
    )  # fmt: skip
    relayed = furthest([load_position(run_folder), *([pointer.relayed] if pointer else [])])
    newer = [one for one in _checkpoints(folder) if one.step > step]
    uploads.note(newer)
    for written in worth_keeping(newer):
        # The last best comes first: without it a later one would be gone on from with its score and without its file.
        if not uploads.keep(written, relayed=relayed, prune=prune):
            log.warning("a checkpoint of the last attempt is neither here nor in the store", file=written.path)
            return
        log.info("a checkpoint of the last attempt was kept", attempt=here[-1], step=written.step)


def _checkpoints(folder: Path) -> list[CheckpointWritten]:
    try:
        return [one for one in records_of(folder / "journal.jsonl") if isinstance(one, CheckpointWritten)]
    except JournalCorrupt as error:
        log.warning("a journal on this disk is damaged", error=str(error))
        return []
