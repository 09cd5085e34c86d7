"""What people may do; each role may what those before it may."""

from enum import IntEnum


class Role(IntEnum):
    """READER looks, ANNOTATOR edits drafts, OPERATOR publishes, trains and steers, ADMIN removes."""

    READER = 1
    ANNOTATOR = 2
    OPERATOR = 3
    ADMIN = 4


def role_named(name: str) -> Role:
    """Raises ValueError naming what is accepted."""
    try:
        return Role[name.upper()]
    except KeyError:
        accepted = ", ".join(role.name.lower() for role in Role)
        raise ValueError(f"role {name!r}; accepted: {accepted}") from None
