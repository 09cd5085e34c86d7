"""How versions are called that nobody named."""

from datetime import datetime


def version_at(now: datetime) -> str:
    """By the moment, to the millisecond: later versions sort behind earlier ones."""
    return now.strftime("%Y%m%dT%H%M%S%f")[:-3]
