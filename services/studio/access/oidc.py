"""Logging in by an OpenID Connect provider: authorization code with PKCE (OIDC Core 1.0; RFC 7636, S256 only).

What is checked of the ID token is PyJWT's and Authlib's work: signature by the provider's published keys, which are
fetched as those of gRPC's tokens are, issuer, audience, authorized party, times and nonce.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import jwt
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError
from truscore.access.loopback import is_private_url
from truscore.access.signing_keys import MOST_BYTES, KeysUnavailable, document_at, fetch_keys

from services.studio.access.bounded_transport import BoundedTransport
from services.studio.access.oidc_logins import OidcLogins, Pending
from services.studio.access.oidc_options import LoginRefused, OidcOptions
from services.studio.access.roles import Role

log = logging.getLogger("truscore.studio")

ALGORITHMS: Final = ("RS256", "ES256", "PS256")  # never "none", nor one whose key is a shared secret
TIMEOUT_S: Final = 10.0
LEEWAY_S: Final = 60  # between two clocks
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Who the provider says that somebody is."""

    name: str
    role: Role


class OidcProvider:
    """Asks one provider. Its description is read with each login: few are made, and what it says may change."""

    def __init__(self, options: OidcOptions, logins: OidcLogins) -> None:
        self._options, self._logins = options, logins
        self._client = AsyncOAuth2Client(
            options.client_id,
            options.client_secret or None,
            token_endpoint_auth_method="client_secret_basic" if options.client_secret else "none",
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
            follow_redirects=False,
            transport=BoundedTransport(most_bytes=MOST_BYTES),
        )

    async def begin(self, redirect_uri: str) -> tuple[str, str]:
        """Where the browser is sent, and the state that it has to bring back. Raises LoginRefused."""
        description = await self._description()
        state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
        self._logins.put(state, Pending(nonce=nonce, verifier=verifier, redirect_uri=redirect_uri))
        address, _ = self._client.create_authorization_url(
            description["authorization_endpoint"],
            state=state,
            code_verifier=verifier,
            redirect_uri=redirect_uri,
            scope=self._options.scope,
            nonce=nonce,
        )
        return address, state

    async def finish(self, answer: Mapping[str, str], *, state: str) -> Known:
        """Who logs in; `answer` is the query of the callback, `state` what this browser was given. Each state counts
        once. Raises LoginRefused."""
        given = answer.get("state", "")
        if not state or not secrets.compare_digest(given.encode(), state.encode()):
            raise LoginRefused("this answer belongs to no login of this browser: begin again")
        pending = self._logins.take(given)
        if pending is None:
            raise LoginRefused("this login was used already or took too long: begin again")
        if answer.get("error"):
            raise LoginRefused(f"the provider refused it: {answer['error'][:100]}")
        if answer.get("iss", self._options.issuer) != self._options.issuer:  # RFC 9207
            raise LoginRefused("another issuer answered than was asked")
        description = await self._description()
        claims = await self._claims(description, answer.get("code", ""), pending)
        return self._known(claims)

    async def _claims(self, description: Mapping[str, str], code: str, pending: Pending) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(TIMEOUT_S):  # the client's own is of each of its reads
                token = await self._client.fetch_token(
                    description["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    redirect_uri=pending.redirect_uri,
                    code_verifier=pending.verifier,
                )
            keys = await asyncio.to_thread(fetch_keys, self._options.issuer, description["jwks_uri"])
            id_token = str(token.get("id_token", ""))
            header = jwt.get_unverified_header(id_token)
            # Which claims are needed, and what they have to be, is asked below.
            decoded = jwt.decode(
                id_token,
                keys[header["kid"]],
                algorithms=ALGORITHMS,
                options={"verify_aud": False, "verify_iat": False},
                leeway=LEEWAY_S,
            )
            claims = CodeIDToken(
                decoded,
                header,
                options={
                    "iss": {"essential": True, "value": self._options.issuer},
                    "aud": {"essential": True, "value": self._options.client_id},
                },
                params={
                    "nonce": pending.nonce,
                    "client_id": self._options.client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(leeway=LEEWAY_S)
        except (
            AuthlibBaseError, JoseError, jwt.PyJWTError, KeysUnavailable, httpx2.HTTPError,
            ValueError, TypeError, KeyError, TimeoutError,
        ) as error:  # fmt: skip
            # The words of libraries may hold parts of tokens: its kind is enough to look for.
            log.warning("a login by OpenID Connect was refused: %s", type(error).__name__)
            raise LoginRefused(f"the provider's answer does not hold ({type(error).__name__})") from None
        return dict(claims)

    def _known(self, claims: Mapping[str, Any]) -> Known:
        name = claims.get(self._options.name_claim) or claims["sub"]
        if not isinstance(name, str) or not 0 < len(name) <= 200 or not name.isprintable():
            raise LoginRefused(f"the claim {self._options.name_claim!r} names nobody")
        said = claims.get(self._options.role_claim, [])
        groups = [said] if isinstance(said, str) else said if isinstance(said, list) else []
        named = [group for group in groups if isinstance(group, str)]
        roles = [self._options.roles[group] for group in named if group in self._options.roles]
        role = max(roles, default=self._options.default_role)
        if role is None:
            raise LoginRefused(f"{name} is known to the provider, but no group of theirs has a role here")
        return Known(name=name, role=role)

    async def _description(self) -> dict[str, str]:
        """Its endpoints; they are of the issuer that was asked, and encrypted."""
        try:
            address = f"{self._options.issuer.rstrip('/')}/.well-known/openid-configuration"
            found = await asyncio.to_thread(document_at, address)
        except KeysUnavailable as error:
            log.warning("a login by OpenID Connect could not begin: %s", error)
            raise LoginRefused("the provider does not answer as one does: try again later") from None
        if found.get("issuer") != self._options.issuer:
            raise LoginRefused("the provider describes another issuer than the one that is set")
        for name in _ENDPOINTS:
            if not is_private_url(str(found.get(name, ""))):
                raise LoginRefused(f"the provider's {name} is no https address")
        return {name: str(found[name]) for name in _ENDPOINTS}

    async def close(self) -> None:
        await self._client.aclose()
