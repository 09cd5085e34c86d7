"""Messages in and out. Knows the contract and our plain values; decides nothing."""

from services.hyperparameter_search.handlers.consume import subscriptions
from services.hyperparameter_search.handlers.orders import order_of_wire
from services.hyperparameter_search.handlers.publish import BrokerSearchEvents
from services.hyperparameter_search.handlers.reads import Reads

__all__ = ["BrokerSearchEvents", "Reads", "order_of_wire", "subscriptions"]
