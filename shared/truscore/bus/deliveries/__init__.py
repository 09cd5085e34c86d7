"""Deliveries of a stream, taken out of a connection's bytes. Knows AMQP's frames and properties; knows no event."""

from truscore.bus.deliveries.delivery import Delivery
from truscore.bus.deliveries.transport import DeliveryReader, Transport

__all__ = ["Delivery", "DeliveryReader", "Transport"]
