"""Messages in, messages out. Knows the contract; decides nothing."""

from services.exporter.handlers.consume import Exports, on_export_ordered, on_training_completed

__all__ = ["Exports", "on_export_ordered", "on_training_completed"]
