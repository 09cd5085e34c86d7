"""Where records are kept. Knows how to write, find and page them; knows no event and decides nothing."""

from services.experiment_tracker.ledger.errors import LedgerError, LedgerRefused, LedgerUnavailable
from services.experiment_tracker.ledger.memory import MemoryLedger
from services.experiment_tracker.ledger.mlflow_ledger import MlflowLedger
from services.experiment_tracker.ledger.protocol import Ledger
from services.experiment_tracker.ledger.watched import WatchedLedger

__all__ = [
    "Ledger",
    "LedgerError",
    "LedgerRefused",
    "LedgerUnavailable",
    "MemoryLedger",
    "MlflowLedger",
    "WatchedLedger",
]
