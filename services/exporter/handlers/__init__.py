"""Messages in, messages out. Knows the contract; decides nothing."""

from services.exporter.handlers.consume import on_training_completed

__all__ = ["on_training_completed"]
