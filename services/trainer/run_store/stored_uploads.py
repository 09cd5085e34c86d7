"""The service's part where an attempt's own processes take their files into the store: pointers, and what to remove."""

from __future__ import annotations

from collections.abc import Sequence

from truscore.storage import ObjectMissing, Stored

from services.trainer.journal import CheckpointWritten, Completed, FoldEvaluated
from services.trainer.run_store.uploads import Uploads, needed_objects


class StoredUploads(Uploads):
    """A record of a file is in the journal only once the file is in the store."""

    # Checkpoints that the journal has named: others are younger than what was read of it, and must stay.
    _named: frozenset[str] = frozenset()

    def note(self, checkpoints: Sequence[CheckpointWritten]) -> None:
        self._named |= {self._keys.checkpoint(written.sha256) for written in checkpoints}
        self._named |= {self._keys.shard(shard.sha256) for written in checkpoints for shard in written.shards}

    def keep_file(self, written: CheckpointWritten) -> Stored | None:
        self.check_fence()
        uri = self._keys.checkpoint(written.sha256)
        parts = [uri, *(self._keys.shard(shard.sha256) for shard in written.shards)]
        if any(self._store.stat(part) is None for part in parts):
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
        kept = needed_objects(self._store, self._keys)
        for uri in self._named - kept:
            self._store.delete(uri)
        self._named &= frozenset(kept)
