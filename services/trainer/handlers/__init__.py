"""Messages in and out. Knows the contract and our plain values; decides nothing."""

from services.trainer.handlers.consume import (
    on_broadcast_order,
    on_broadcast_request,
    on_dataset_validated,
    on_request,
)
from services.trainer.handlers.publish import BrokerEventPublisher

__all__ = ["BrokerEventPublisher", "on_broadcast_order", "on_broadcast_request", "on_dataset_validated", "on_request"]
