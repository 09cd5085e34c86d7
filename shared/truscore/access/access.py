"""Whether a call may be made: from what it shows to who it is, from there to what the table of methods says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import grpc

from truscore.access.caller import Caller, Role
from truscore.access.issuer import InvalidToken, OidcIssuer
from truscore.access.loopback import is_loopback_peer
from truscore.access.methods import LEAST_ROLES, short_name
from truscore.access.signing_keys import KeysUnavailable
from truscore.access.static_tokens import MOST_TOKEN_CHARS, StaticTokens

AUTHORIZATION: Final = "authorization"
SCHEME: Final = "bearer"
NOT_CONFIGURED: Final = (
    "nobody may call here: set TRUSCORE_GRPC_TOKENS, TRUSCORE_GRPC_OIDC_ISSUER or TRUSCORE_GRPC_ANONYMOUS_ROLE"
)

Metadata = Sequence[tuple[str, str | bytes]]


class Refused(Exception):
    """The call may not be made: the status, and the reason in words for who calls."""

    def __init__(self, status: grpc.StatusCode, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Whose tokens count at a server. `anonymous` is what callers without one may do, None for nothing;
    `plaintext`, whether tokens are taken without TLS from other machines."""

    tokens: StaticTokens | None = None
    issuer: OidcIssuer | None = None
    anonymous: Role | None = None
    plaintext: bool = False

    async def admit(self, method: str, metadata: Metadata, *, peer: str, encrypted: bool) -> Caller:
        """Who calls, where they may call this method. Raises Refused."""
        least = LEAST_ROLES.get(method)
        caller = await self._caller(method, metadata, is_private=encrypted or self.plaintext or is_loopback_peer(peer))
        if least is not None and caller.role is not None and caller.role >= least:
            return caller
        if least is None:
            raise Refused(grpc.StatusCode.PERMISSION_DENIED, _needed(method))
        if not caller.name:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, f"no token was sent; {_needed(method)}")
        has = f"has {caller.role}" if caller.role is not None else "has no role"
        raise Refused(grpc.StatusCode.PERMISSION_DENIED, f"{_needed(method)}: the token of {caller.name!r} {has}")

    async def _caller(self, method: str, metadata: Metadata, *, is_private: bool) -> Caller:
        shown = [value for name, value in metadata if name == AUTHORIZATION]
        if not shown:
            if self.anonymous is None and not self.tokens and self.issuer is None:
                raise Refused(grpc.StatusCode.UNAUTHENTICATED, NOT_CONFIGURED)
            return Caller(name="", role=self.anonymous)
        if not is_private:
            reason = "the token came without TLS from another machine: it counts as known to others"
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, reason)
        token = _token(shown)
        try:
            found = self.tokens.find(token) if self.tokens is not None else None
            # Static tokens have no dots.
            if found is None and self.issuer is not None and token.count(".") == 2:
                found = await self.issuer.caller(token)
        except InvalidToken as error:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, f"{error}; {_needed(method)}") from error
        except KeysUnavailable as error:
            raise Refused(grpc.StatusCode.UNAVAILABLE, str(error)) from error
        if found is None:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, f"the token is not known here; {_needed(method)}")
        return found


def _token(shown: Sequence[str | bytes]) -> str:
    scheme, _, token = str(shown[0]).partition(" ")
    token = token.strip()
    if len(shown) > 1 or scheme.lower() != SCHEME or not 0 < len(token) <= MOST_TOKEN_CHARS or not token.isascii():
        reason = f"authorization has {len(shown)} values or another form; accepted is one, Bearer TOKEN"
        raise Refused(grpc.StatusCode.UNAUTHENTICATED, reason)
    return token


def _needed(method: str) -> str:
    least = LEAST_ROLES.get(method)
    return f"{short_name(method)} " + ("is open to no role" if least is None else f"needs the role {least}")


def anonymous(role: Role = Role.ADMIN) -> Access:
    """Everybody, token or not, may do what this role may: for tests, and networks where everybody may."""
    return Access(anonymous=role)


def nobody() -> Access:
    """Health alone is answered: for services that have nothing else to say."""
    return Access()
