"""The service's part where an attempt's own processes take their files into the store: pointers, and what to remove."""

from __future__ import annotations

from collections.abc import Sequence

from truscore.storage import ObjectMissing, Stored

from services.trainer.journal import CheckpointWritten, Completed, FoldEvaluated
from services.trainer.run_store.uploads import BEST, LATEST, Uploads, read_pointer


class StoredUploads(Uploads):
    """A record of a file is in the journal only once the file is in the store."""

    # Checkpoints that the journal has named: others are younger than what was read of it, and must stay.
    _named: frozenset[str] = frozenset()

    def note(self, checkpoints: Sequence[CheckpointWritten]) -> None:
        self._named |= {self._keys.checkpoint(written.sha256) for written in checkpoints}

    def keep_file(self, written: CheckpointWritten) -> Stored | None:
        self.check_fence()
        uri = self._keys.checkpoint(written.sha256)
        if self._store.stat(uri) is None:
            return None
        return Stored(uri=uri, sha256=written.sha256, size_bytes=written.size_bytes)

    def keep_fold(self, fold: FoldEvaluated) -> None:
        """It is there."""

    def keep_best(self, completed: Completed) -> Stored:
        self.check_fence()
        uri = self._keys.checkpoint(completed.sha256)
        if self._store.stat(uri) is None:
            raise ObjectMissing(uri, "the checkpoint that the run hands over is not in the store")
        return Stored(uri=uri, sha256=completed.sha256, size_bytes=completed.size_bytes)

    def keep_report(self) -> str:
        uri = self._keys.report("report.json")
        return uri if self._store.stat(uri) is not None else ""

    def _prune(self) -> None:
        kept = {pointer.uri for name in (LATEST, BEST) if (pointer := read_pointer(self._store, self._keys, name))}
        for uri in self._named - kept:
            self._store.delete(uri)
        self._named &= frozenset(kept)
