"""What the tracker counts for Prometheus. The labels are the contract's types, so they are bounded."""

from prometheus_client import Counter, Gauge

RECORDED = Counter("truscore_tracker_events", "Events put on record.", ["type"])
REFUSED = Counter("truscore_tracker_refused", "Events that the ledger refused for good.", ["type"])
FAILURES = Counter("truscore_tracker_ledger_failures", "Tries that the ledger failed.")
OFFSET = Gauge("truscore_tracker_log_offset", "How far the event log is on record.")
