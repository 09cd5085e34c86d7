"""A ledger whose failures are noted. Knows which calls are repeated until they succeed; knows nothing of alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from services.experiment_tracker.ledger.errors import LedgerRefused, LedgerUnavailable
from services.experiment_tracker.ledger.protocol import Ledger
from services.experiment_tracker.record import History, Known, Mark, Opening, Promotion, Recorded, Writes

T = TypeVar("T")


class Observer(Protocol):
    """What is called with the result of each call; from several threads."""

    def failed(self, kind: str, reason: str, at: float) -> None: ...

    def answered(self, kind: str) -> None: ...


class WatchedLedger:
    """Passes every call on. Reads for clients are not noted: one that failed may never be made again."""

    def __init__(self, ledger: Ledger, observer: Observer, *, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._observer = observer
        self._clock = clock

    def find(self, run_id: str) -> Known | None:
        return self._noted("record", lambda: self._ledger.find(run_id))

    def open(self, opening: Opening) -> Known:
        return self._noted("record", lambda: self._ledger.open(opening))

    def write(self, known: Known, writes: Writes) -> Known:
        return self._noted("record", lambda: self._ledger.write(known, writes))

    def promote(self, promotion: Promotion) -> None:
        self._noted("record", lambda: self._ledger.promote(promotion))

    def aliases(self, model: str) -> Mapping[str, str]:
        return self._ledger.aliases(model)

    def place(self) -> Mark | None:
        return self._noted("place", self._ledger.place)

    def keep_place(self, mark: Mark) -> None:
        self._noted("place", lambda: self._ledger.keep_place(mark))

    def page(self, *, experiment_name: str, size: int, token: str) -> tuple[list[Recorded], str]:
        return self._ledger.page(experiment_name=experiment_name, size=size, token=token)

    def get(self, run_id: str) -> Recorded | None:
        return self._ledger.get(run_id)

    def history(self, record: Recorded) -> History:
        return self._ledger.history(record)

    def _noted(self, kind: str, call: Callable[[], T]) -> T:
        try:
            result = call()
        except LedgerUnavailable as error:
            self._observer.failed(kind, str(error), self._clock())
            raise
        except LedgerRefused:
            self._observer.answered(kind)
            raise
        self._observer.answered(kind)
        return result
