"""A checkpoint that is written beside training: one at a time, and the journal keeps its order."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from services.trainer.journal import Record, Writer


class BackgroundSave:
    """What is journalled meanwhile follows the checkpoint's own records: to who reads the journal, and to a process
    that goes on after a kill, it was written in an instant."""

    def __init__(self, journal: Writer) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._held: list[Record] = []
        self._saving = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._saved: Future[None] | None = None

    def begin(self, save: Callable[[], Sequence[Record]]) -> None:
        """Have a thread save, and journal the records that it returns, the last of them durably."""
        self.wait()
        self._saving = True
        self._saved = self._thread.submit(self._save, save)

    def append(self, record: Record) -> None:
        """Journal a record, once what is being saved is. Raises what saving raised."""
        if self._saved is not None and self._saved.done():
            self.wait()
        with self._lock:
            if self._saving:
                self._held.append(record)
            else:
                self._journal.append(record)

    def wait(self) -> None:
        """Until all is saved. Raises what saving raised."""
        saved, self._saved = self._saved, None
        if saved is not None:
            saved.result()

    def close(self) -> None:
        self._thread.shutdown(wait=True)

    def _save(self, save: Callable[[], Sequence[Record]]) -> None:
        records = save()
        with self._lock:
            for record in records:
                self._journal.append(record, durable=record is records[-1])
            for record in self._held:
                self._journal.append(record)
            self._held, self._saving = [], False
