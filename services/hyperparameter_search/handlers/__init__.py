"""Messages in and out. Knows the contract and our plain values; decides nothing."""

from services.hyperparameter_search.handlers.consume import subscriptions
from services.hyperparameter_search.handlers.orders import order_of_wire
from services.hyperparameter_search.handlers.publish import BrokerSearchEvents

__all__ = ["BrokerSearchEvents", "order_of_wire", "subscriptions"]
