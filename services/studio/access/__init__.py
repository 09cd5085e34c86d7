"""Who may do what: accounts, login links, sessions, API tokens, roles, and the checks on every request."""

from services.studio.access.guard import Guard, same_origin
from services.studio.access.roles import Role
from services.studio.access.sessions import Session, Sessions

__all__ = ["Guard", "Role", "Session", "Sessions", "same_origin"]
