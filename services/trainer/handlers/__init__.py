"""Messages in and out. Knows the contract and our plain values; decides nothing."""

from services.trainer.handlers.announcing import Announcer
from services.trainer.handlers.hearing import on_dataset_validated, on_request, on_request_overheard

__all__ = ["Announcer", "on_dataset_validated", "on_request", "on_request_overheard"]
