"""The ledger in memory, held to what holds of every ledger."""

from __future__ import annotations

import pytest

from services.experiment_tracker.ledger import MemoryLedger
from tests.unit.experiment_tracker import run_events
from tests.unit.experiment_tracker.ledger_claims import LedgerClaims


class TestMemoryLedger(LedgerClaims):
    @pytest.fixture
    def ledger(self) -> MemoryLedger:
        return MemoryLedger()

    @pytest.fixture
    def run_id(self) -> str:
        return run_events.RUN
