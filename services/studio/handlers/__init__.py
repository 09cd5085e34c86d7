"""Events out, and the monitor's answers in: the only place of the studio that names a message class."""

from services.studio.handlers.monitor import Monitor, MonitorAway, RunUnknown
from services.studio.handlers.publish import Requests

__all__ = ["Monitor", "MonitorAway", "Requests", "RunUnknown"]
