"""A ledger in memory, for tests; under the same tests as the one on MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from services.experiment_tracker.ledger.errors import LedgerRefused
from services.experiment_tracker.record import (
    MODEL,
    MODEL_VERSION,
    RUN_ID,
    History,
    Known,
    Mark,
    Model,
    Opening,
    Promotion,
    Recorded,
    Status,
    Value,
    Writes,
    absorbed,
)


@dataclass(kw_only=True, slots=True)
class Page:
    """One record as it grows."""

    opening: Opening
    known: Known
    parameters: dict[str, str] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)
    files: dict[str, Mapping[str, object]] = field(default_factory=dict)
    ended_at: float | None = None


class MemoryLedger:
    """Keeps everything in a dictionary; logs a metric as often as it is called, like MLflow."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.models: list[Model] = []
        self._promotions: dict[tuple[str, str], Promotion] = {}
        self._mark: Mark | None = None
        self._ids = (f"{number:032x}" for number in count(1))

    def find(self, run_id: str) -> Known | None:
        page = self._page(run_id)
        return page.known if page else None

    def open(self, opening: Opening) -> Known:
        known = Known(mlflow_run_id=next(self._ids), tags=dict(opening.tags))
        self.pages.append(Page(opening=opening, known=known))
        return known

    def write(self, known: Known, writes: Writes) -> Known:
        page = next(page for page in self.pages if page.known.mlflow_run_id == known.mlflow_run_id)
        page.parameters |= writes.parameters
        page.values += writes.values
        page.files |= writes.files
        page.known = absorbed(page.known, writes)
        if writes.status is not None:
            page.ended_at = None if writes.status is Status.RUNNING else writes.ended_at
        if writes.model:
            self._register(page, writes.model)
        return page.known

    def _register(self, page: Page, model: Model) -> None:
        if model not in self.models:
            self.models.append(model)
        versions = [each for each in self.models if each.name == model.name]
        tags = {MODEL: model.name, MODEL_VERSION: str(versions.index(model) + 1)}
        page.known = absorbed(page.known, Writes(tags=tags))

    def promote(self, promotion: Promotion) -> None:
        if not any(each.name == promotion.model and each.run_id == promotion.run_id for each in self.models):
            raise LedgerRefused(f"model {promotion.model!r} has no version of run {promotion.run_id!r}")
        last = self._promotions.get((promotion.model, promotion.alias))
        if last is None or last.at <= promotion.at:
            self._promotions[promotion.model, promotion.alias] = promotion

    def aliases(self, model: str) -> dict[str, str]:
        return {alias: each.version for (name, alias), each in self._promotions.items() if name == model}

    def page(self, *, experiment_name: str, size: int, token: str) -> tuple[list[Recorded], str]:
        if token and not token.isdigit():
            raise LedgerRefused(f"page token {token!r} was not handed out here")
        newest_first = sorted(self.pages, key=lambda page: page.opening.started_at, reverse=True)
        matching = [page for page in newest_first if experiment_name in ("", page.opening.experiment_name)]
        first = int(token or 0)
        shown = [_recorded(page) for page in matching[first : first + size]]
        return shown, str(first + size) if len(matching) > first + size else ""

    def get(self, run_id: str) -> Recorded | None:
        page = self._page(run_id)
        return _recorded(page) if page else None

    def history(self, record: Recorded) -> History:
        page = self._page(record.run_id)
        values = page.values if page else []
        names = sorted({value.name for value in values})
        return {name: tuple((value.step, value.value) for value in values if value.name == name) for name in names}

    def place(self) -> Mark | None:
        return self._mark

    def keep_place(self, mark: Mark) -> None:
        self._mark = mark

    def _page(self, run_id: str) -> Page | None:
        return next((page for page in self.pages if page.known.tags[RUN_ID] == run_id), None)


def _recorded(page: Page) -> Recorded:
    return Recorded(
        run_id=page.known.tags[RUN_ID],
        mlflow_run_id=page.known.mlflow_run_id,
        experiment_name=page.opening.experiment_name,
        status=page.known.status,
        parameters=dict(page.parameters),
        metrics={value.name: value.value for value in page.values},
        tags=dict(page.known.tags),
        started_at=page.opening.started_at,
        ended_at=page.ended_at,
    )
