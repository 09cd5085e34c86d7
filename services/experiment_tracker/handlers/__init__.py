"""Messages in, messages out: the only place of the tracker that names a message class."""

from services.experiment_tracker.handlers.events import Listening, fact_of
from services.experiment_tracker.handlers.reads import Reads

__all__ = ["Listening", "Reads", "fact_of"]
