"""Messages in, messages out: the only place of the tracker that names a message class."""

from services.experiment_tracker.handlers.events import EventConsumer, OnAlert, fact_of, publish_alert
from services.experiment_tracker.handlers.promotions import Promotions
from services.experiment_tracker.handlers.reads import Reads

__all__ = ["EventConsumer", "OnAlert", "Promotions", "Reads", "fact_of", "publish_alert"]
