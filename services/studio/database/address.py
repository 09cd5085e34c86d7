"""The address of a PostgreSQL database, taken apart here: what libpq says of one that it can't read may quote parts of
a password. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

ACCEPTED: Final = "accepted: postgresql://user:password@host:port/name, special characters of its parts as %XX"
_SCHEMES: Final = {"postgresql", "postgres", "postgresql+psycopg2"}  # the last as SQLAlchemy, and the search, say it
PORT: Final = 5432


class InvalidAddress(ValueError):
    """What is wrong with the address, in words that hold no part of it."""


def connect_options(url: str) -> dict[str, str]:
    """As keywords of libpq. Raises InvalidAddress."""
    try:
        parts = urlsplit(url)
        port, options = parts.port or PORT, dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise InvalidAddress(f"the studio's database has an address that can't be read; {ACCEPTED}") from None
    name = unquote(parts.path[1:])
    host = unquote(parts.hostname or "") or options.pop("host", "")
    if parts.scheme not in _SCHEMES or not host or not name or set(name) & set("/@:") or parts.fragment:
        raise InvalidAddress(f"the studio's database has an address that isn't accepted; {ACCEPTED}")
    given = {"user": unquote(parts.username or ""), "password": unquote(parts.password or "")}
    named = {key: value for key, value in given.items() if value}
    return {**options, **named, "host": host, "port": str(port), "dbname": name}
