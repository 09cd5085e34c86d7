"""Messages in, messages out: the only place of the monitor that names a message class."""

from services.monitor.handlers.alerts import AlertCalls
from services.monitor.handlers.audit import AuditReads
from services.monitor.handlers.events import EventConsumer, fact_of
from services.monitor.handlers.publish import publish_acknowledgement, publish_alert
from services.monitor.handlers.reads import Reads

__all__ = [
    "AlertCalls",
    "AuditReads",
    "EventConsumer",
    "Reads",
    "fact_of",
    "publish_acknowledgement",
    "publish_alert",
]
