"""Who calls, and in what role."""

from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Role(IntEnum):
    """READER looks, OPERATOR also acts (takes note of alerts), ADMIN also reads who asked for what."""

    READER = 1
    OPERATOR = 2
    ADMIN = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """`name` is empty for who shows no token; `role` is None for who may do nothing."""

    name: str
    role: Role | None


CALLER: Final[ContextVar[Caller | None]] = ContextVar("caller", default=None)


def current_caller() -> Caller | None:
    """Who made the gRPC call that is being answered; None outside of one."""
    return CALLER.get()


def role_named(name: str) -> Role:
    """Raises ValueError naming what is accepted."""
    try:
        return Role[name.upper()]
    except KeyError:
        raise ValueError(f"role {name!r}; accepted: {', '.join(map(str, Role))}") from None
