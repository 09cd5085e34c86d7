"""Tokens of an OpenID provider (JWT, RFC 7519), checked as RFC 8725 advises."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import jwt

from truscore.access.caller import Caller, Role
from truscore.access.signing_keys import SigningKeys, fetch_keys

# Signatures that nobody can make with what is public. "none" and the HMAC family are not among them.
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
LEEWAY_S: Final = 30.0
MOST_NAME_CHARS: Final = 200
# Before names of a provider: no static token has a colon in its name.
PREFIX: Final = "oidc:"


class InvalidToken(Exception):
    """The token is no good; the message says why, and holds nothing of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IssuerPolicy:
    """Which tokens count, and what role they give. `roles` maps values of the claim to roles; `role_claim` may have
    dots, for claims within claims."""

    issuer: str
    audience: str
    role_claim: str
    roles: Mapping[str, Role]
    name_claim: str
    algorithms: tuple[str, ...]
    jwks_url: str


class OidcIssuer:
    """One provider whose tokens are taken."""

    def __init__(self, policy: IssuerPolicy, *, clock: Callable[[], float] = time.monotonic) -> None:
        strange = set(policy.algorithms) - ALGORITHMS
        if strange or not policy.algorithms:
            named = ", ".join(sorted(strange)) or "none given"
            raise ValueError(f"algorithms of tokens: {named}; accepted are {', '.join(sorted(ALGORITHMS))}")
        self._policy = policy
        self._keys = SigningKeys(partial(fetch_keys, policy.issuer, policy.jwks_url), clock=clock)

    async def caller(self, token: str) -> Caller:
        """Whom the token is about. InvalidToken; KeysUnavailable where it can't be told."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise InvalidToken("the token is no JWT") from None
        if header.get("alg") not in self._policy.algorithms:
            raise InvalidToken(f"the token's algorithm is not among {', '.join(self._policy.algorithms)}")
        if not isinstance(kid := header.get("kid"), str):
            raise InvalidToken("the token names no key (kid)")
        if (key := await self._keys.find(kid)) is None:
            raise InvalidToken("the token is signed with a key that its issuer does not have")
        try:
            claims = jwt.decode(
                token,
                key=key,
                algorithms=self._policy.algorithms,
                audience=self._policy.audience,
                issuer=self._policy.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise InvalidToken("the token has expired") from None
        except jwt.PyJWTError as error:
            raise InvalidToken(f"the token does not count: {type(error).__name__}") from None
        return Caller(name=f"{PREFIX}{self._name(claims)}", role=self._role(claims))

    def _name(self, claims: Mapping[str, Any]) -> str:
        name = _at(claims, self._policy.name_claim)
        if not isinstance(name, str) or not 0 < len(name) <= MOST_NAME_CHARS or not name.isprintable():
            raise InvalidToken(f"the token's claim {self._policy.name_claim!r} is no name")
        return name

    def _role(self, claims: Mapping[str, Any]) -> Role | None:
        """The most that the claim gives, a list of texts or texts divided by blanks."""
        said = _at(claims, self._policy.role_claim)
        words = said.split() if isinstance(said, str) else said if isinstance(said, list) else []
        roles = self._policy.roles
        return max((roles[word] for word in words if isinstance(word, str) and word in roles), default=None)


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its whole name (which may be an address with dots), or a claim within claims."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
