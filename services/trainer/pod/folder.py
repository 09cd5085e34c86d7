"""The folder that a pod trains in: laid out from the store, then put where an earlier pod of the attempt left off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from truscore.storage import Store

from services.trainer.inputs.workspace import CannotPrepare, Workspace
from services.trainer.journal import (
    Cancelled,
    CheckpointWritten,
    Completed,
    Failed,
    Journal,
    Paused,
    Record,
    records_of,
)
from services.trainer.plan import Plan
from services.trainer.run_store.attempts import Attempt
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.segments import Segments
from services.trainer.run_store.uploads import fetch_shards
from services.trainer.runs.journal_relay import attempt_folder

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class PodFolder:
    """What a pod lays out before it starts its training process."""

    store: Store
    workspace: Workspace
    plan: Plan
    attempt: Attempt
    segments: Segments
    leads: bool = True  # whether this is the attempt's first pod

    @property
    def path(self) -> Path:
        return attempt_folder(self.workspace.run_folder(self.plan.run_id), self.attempt.number)

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    def lay_out(self) -> Record | None:
        """The last word of the attempt where it has one already: then nothing is left to do. Raises StoreError.

        What the folder can't be made of is a last word, too.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self.segments.copy_to(self.journal)
        written = list(records_of(self.journal))
        if written and (is_final(written[-1]) if self.leads else is_over(written[-1])):
            return written[-1]
        content = self.journal.read_bytes()
        try:
            prepared = self.workspace.lay_out(self.plan)
            # Empties the folder first.
            self.workspace.set_up(self.plan, prepared, self.attempt)
        except CannotPrepare as reason:
            self.path.mkdir(parents=True, exist_ok=True)
            self.journal.write_bytes(content)
            failed = Failed(code=reason.code, message=str(reason), retryable=reason.retryable, epoch=0)
            with Journal(self.journal) as journal:
                journal.append(failed, durable=True)
            return failed
        self.journal.write_bytes(content)
        self._go_on_from(written)
        return None

    def _go_on_from(self, written: Sequence[Record]) -> None:
        """The checkpoints of the attempt's own journal, which the service's pointers may be behind."""
        keys = RunKeys(bucket=self.workspace.bucket, run_id=self.plan.run_id)
        named = [record for record in written if isinstance(record, CheckpointWritten)]
        there = [each for each in named if self._has(keys, each)]
        # Of the best its file is handed over; its shards may be gone by now.
        best = [each for each in named if each.best and self._has(keys, replace(each, shards=()))][-1:]
        for name, chosen in (("latest", there[-1:]), ("best", best)):
            for each in chosen:
                place = self.path / "checkpoints" / f"{name}.pt"
                self.store.get_file(keys.checkpoint(each.sha256), place, sha256=each.sha256)
                if name == "latest":
                    fetch_shards(self.store, keys, each.shards, self.path)
                log.info("going on from a checkpoint of the same attempt", name=name, epoch=each.epoch, step=each.step)

    def _has(self, keys: RunKeys, written: CheckpointWritten) -> bool:
        parts = [keys.checkpoint(written.sha256), *(keys.shard(shard.sha256) for shard in written.shards)]
        return all(self.store.stat(part) is not None for part in parts)


def is_final(record: Record) -> bool:
    """Whether the attempt is over; a drained one goes on in another pod."""
    return isinstance(record, Failed) or is_over(record)


def is_over(record: Record) -> bool:
    """Whether the attempt came to an end that nothing follows: torchrun starts processes that failed once more."""
    return isinstance(record, Completed | Cancelled) or (isinstance(record, Paused) and record.reason != "drain")
