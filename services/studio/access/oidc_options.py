"""What is set about a provider of logins. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.studio.access.roles import Role, role_named


class LoginRefused(RuntimeError):
    """In words for the person who logs in; it holds no part of a token."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OidcOptions:
    """`roles` by the values of the claim `role_claim`; who has none of them gets `default_role`, or no login."""

    issuer: str
    client_id: str
    client_secret: str
    scope: str
    name_claim: str
    role_claim: str
    roles: Mapping[str, Role]
    default_role: Role | None


def roles_from(names: Mapping[str, str]) -> dict[str, Role]:
    """Raises ValueError naming what is accepted."""
    return {group: role_named(name) for group, name in names.items()}
