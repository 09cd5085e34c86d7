"""Puts facts on record, each once, however often they are received."""

from __future__ import annotations

from collections import OrderedDict

from services.experiment_tracker.facts import Fact, Promoted, Sampled
from services.experiment_tracker.ledger import Ledger
from services.experiment_tracker.plan import opening_of, writes_for
from services.experiment_tracker.record import Known, Promotion

REMEMBERED_RUNS = 16


class Recorder:
    """Remembers what the ledger holds of the last few runs, and asks it again after every failure."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: OrderedDict[str, Known] = OrderedDict()

    def record(self, fact: Fact, at: float) -> None:
        """Write what is still to be written. LedgerUnavailable, LedgerRefused; calling it again is harmless."""
        if isinstance(fact, Promoted):
            self._ledger.promote(
                Promotion(
                    model=fact.model_id,
                    version=fact.version,
                    run_id=fact.run_id,
                    alias=fact.alias,
                    at=fact.promoted_at or at,
                )
            )
            return
        known = self._known.pop(fact.run_id, None) or self._ledger.find(fact.run_id)
        if known is None and isinstance(fact, Sampled):
            return  # a sample does not say which experiment its run belongs to
        known = known or self._ledger.open(opening_of(fact, at))
        if writes := writes_for(fact, known, at):
            known = self._ledger.write(known, writes)
        self._known[fact.run_id] = known
        if len(self._known) > REMEMBERED_RUNS:
            self._known.popitem(last=False)
