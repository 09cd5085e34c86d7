"""Runs that have completed, as the bucket remembers them: what a later order of a further format is made from."""

import json
from base64 import b64decode
from dataclasses import dataclass

from truscore.storage import ObjectMissing, Store, TooLarge

from services.exporter.inputs import Unexportable

OUTCOME_LIMIT_BYTES = 1 << 20
COMPLETED = "truscore.events.v1.TrainingCompleted"


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedRuns:
    """Reads `s3://<bucket>/runs/<run_id>/end.json`, which the trainer writes once a run's last event is confirmed."""

    store: Store
    bucket: str

    def completion(self, run_id: str) -> bytes:
        """The run's TrainingCompleted as it was published. Raises Unexportable, and StoreError where another try may
        succeed."""
        folder = f"s3://{self.bucket}/runs/{run_id}/"
        try:
            outcome = json.loads(self.store.get(folder + "end.json", limit_bytes=OUTCOME_LIMIT_BYTES))
            kind, event = outcome["outcome"], outcome["event"]
            if kind == "completed" and event["type"] == COMPLETED:
                return b64decode(event["body"], validate=True)
        except ObjectMissing:
            raise self._unfinished(run_id, folder) from None
        except (TooLarge, ValueError, KeyError, TypeError, RecursionError) as error:
            raise Unexportable(
                "run_unreadable", f"{folder}end.json does not say how {run_id} ended: {error}"
            ) from error
        raise Unexportable("checkpoint_missing", f"run {run_id} is {kind}: it left no checkpoint to export")

    def _unfinished(self, run_id: str, folder: str) -> Unexportable:
        if any(True for _ in self.store.list(folder)):
            return Unexportable(
                "run_not_finished", f"run {run_id} has not ended: a format can be ordered when it has completed"
            )
        return Unexportable("unknown_run", f"run {run_id} is not known: there is nothing under {folder}")
