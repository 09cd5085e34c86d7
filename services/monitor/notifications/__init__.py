"""Sends alerts to people: which sinks there are, what is silenced, what a message says, and how it is delivered.

Knows alerts as the log has them; knows nothing of rules, runs or hosts.
"""

from services.monitor.notifications.channel import channels
from services.monitor.notifications.configuration import Configuration, InvalidNotifications, load_notifications
from services.monitor.notifications.notifier import Notifier

__all__ = ["Configuration", "InvalidNotifications", "Notifier", "channels", "load_notifications"]
