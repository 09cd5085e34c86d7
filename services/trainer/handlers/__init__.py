"""Messages in and out. Knows the contract and our plain values; decides nothing."""

from services.trainer.handlers.consume import on_dataset_validated, on_request, on_request_overheard
from services.trainer.handlers.publish import Announcer

__all__ = ["Announcer", "on_dataset_validated", "on_request", "on_request_overheard"]
