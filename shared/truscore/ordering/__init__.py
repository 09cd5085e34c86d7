"""What people order, as messages: used by all that speak for people. Knows orders and their messages; sends nothing."""

from truscore.ordering.versions import version_at

__all__ = ["version_at"]
