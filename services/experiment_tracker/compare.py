"""Records side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.experiment_tracker.record import Recorded

LEAST, MOST = 2, 20


class NotComparable(ValueError):
    """What was requested can't be compared; the text says what is accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A parameter or metric over the compared records; empty where a record has none."""

    name: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1


def check_run_ids(run_ids: Sequence[str]) -> None:
    """NotComparable unless it is two to twenty different runs."""
    if not LEAST <= len(run_ids) <= MOST:
        raise NotComparable(f"run_ids has {len(run_ids)} runs, accepted are {LEAST} to {MOST}")
    twice = sorted({run_id for run_id in run_ids if list(run_ids).count(run_id) > 1})
    if twice:
        raise NotComparable(f"run_ids has {twice[0]!r} twice")


def parameter_rows(records: Sequence[Recorded]) -> list[Row]:
    return _rows([record.parameters for record in records])


def metric_rows(records: Sequence[Recorded]) -> list[Row]:
    return _rows([{name: repr(value) for name, value in record.metrics.items()} for record in records])


def _rows(columns: Sequence[Mapping[str, str]]) -> list[Row]:
    names = sorted({name for column in columns for name in column})
    return [Row(name=name, values=tuple(column.get(name, "") for column in columns)) for name in names]
