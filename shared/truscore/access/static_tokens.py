"""Tokens that an administrator made, as lines of a name, a role and the token's SHA-256.

The tokens themselves are with those who show them. They are 256 random bits, so a digest without salt or stretching
gives nothing away: there is no list of likely ones to try.
"""

import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from truscore.access.caller import Caller, Role, role_named

log = logging.getLogger("truscore.access")

REREAD_S: Final = 1.0
MOST_TOKENS: Final = 1000
MOST_TOKEN_CHARS: Final = 16_384
ACCEPTED: Final = "accepted is NAME ROLE sha256:DIGEST, the name of letters, digits and any of ._@-"
_LINE: Final = re.compile(r"(?P<name>[A-Za-z0-9._@-]{1,100})\s+(?P<role>[a-z]+)\s+sha256:(?P<digest>[0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    caller: Caller
    digest: bytes


def new_token() -> str:
    """256 random bits, in characters that need no quotes."""
    return secrets.token_urlsafe(32)


def token_line(name: str, role: Role, token: str) -> str:
    """What a server is told of a token. ValueError for a name that is not accepted."""
    line = f"{name} {role} sha256:{_digest(token).hex()}"
    if not _LINE.fullmatch(line):
        raise ValueError(f"name {name!r}: {ACCEPTED}")
    return line


def parse_tokens(text: str) -> tuple[_Known, ...]:
    """Lines that are empty or begin with # are left out. ValueError names a line, never what is in it.

    A name may have several tokens: while one is being replaced, both count.
    """
    found: dict[bytes, _Known] = {}
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if not line or line.startswith("#"):
            continue
        if (match := _LINE.fullmatch(line)) is None:
            raise ValueError(f"line {number} of TRUSCORE_GRPC_TOKENS is no token: {ACCEPTED}")
        try:
            role = role_named(match["role"])
        except ValueError as error:
            raise ValueError(f"line {number} of TRUSCORE_GRPC_TOKENS: {error}") from None
        digest = bytes.fromhex(match["digest"])
        if digest in found:
            raise ValueError(f"line {number} of TRUSCORE_GRPC_TOKENS has a token that an earlier line has")
        found[digest] = _Known(caller=Caller(name=match["name"], role=role), digest=digest)
    if len(found) > MOST_TOKENS:
        raise ValueError(f"TRUSCORE_GRPC_TOKENS has {len(found)} tokens, accepted are up to {MOST_TOKENS}")
    return tuple(found.values())


class StaticTokens:
    """Read anew while calls come in, so that a token is added, replaced or taken back without a restart.

    `read` gives the text as settings have it now. The constructor raises what it or `parse_tokens` raises; later the
    tokens at hand stay, and a warning is logged.
    """

    def __init__(self, read: Callable[[], str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._text = read()
        self._known = parse_tokens(self._text)
        self._read_at = clock()

    def __bool__(self) -> bool:
        """Whether any token is known."""
        self._refresh()
        return bool(self._known)

    def find(self, token: str) -> Caller | None:
        """Whose the token is. Every digest is compared in constant time, and all of them each time."""
        self._refresh()
        shown, found = _digest(token), None
        for known in self._known:
            if hmac.compare_digest(known.digest, shown):
                found = known.caller
        return found

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._read_at < REREAD_S:
            return
        self._read_at = now
        try:
            text = self._read()
            if text != self._text:
                self._known, self._text = parse_tokens(text), text
        except (OSError, ValueError) as error:
            log.warning("the tokens of gRPC stay as they were: %s", error)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
