"""Public keys of an OpenID provider (JWKS, RFC 7517): fetched within bounds, and kept while the provider is away."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt
import urllib3
from urllib3.exceptions import HTTPError

from truscore.access.loopback import check_url

log = logging.getLogger("truscore.access")

FRESH_S: Final = 300.0
# Most often that a token with an unknown key has the provider asked again.
RETRY_S: Final = 10.0
# A key that the provider took back while it could not be asked counts for no longer than this.
MOST_AGE_S: Final = 24 * 3600.0
FETCH_S: Final = 5.0
MOST_BYTES: Final = 1 << 20
MOST_KEYS: Final = 100

Keys = Mapping[str, jwt.PyJWK]


class KeysUnavailable(Exception):
    """The provider does not answer, and no keys of it are at hand."""


def fetch_keys(issuer: str, jwks_url: str = "") -> Keys:
    """The provider's keys by `kid`, at `jwks_url` or where its discovery document says. Blocks for at most FETCH_S a
    request. KeysUnavailable."""
    if not jwks_url:
        about = document_at(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != issuer:
            raise KeysUnavailable(f"the provider calls itself {about.get('issuer')!r}, expected is {issuer!r}")
        jwks_url = str(about.get("jwks_uri", ""))
    listed = document_at(jwks_url).get("keys")
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise KeysUnavailable(f"{jwks_url} has no list of up to {MOST_KEYS} keys")
    found = {}
    for each in listed:
        # Others may be for encryption, or of a kind that is not known here.
        if isinstance(each, dict) and each.get("use", "sig") == "sig" and isinstance(each.get("kid"), str):
            try:
                found[each["kid"]] = jwt.PyJWK(each)
            except jwt.PyJWTError:
                continue
    return found


def document_at(url: str) -> dict[str, Any]:
    """A JSON object of a provider, of MOST_BYTES at most, within FETCH_S. KeysUnavailable."""
    give_up_at = time.monotonic() + FETCH_S
    try:
        with urllib3.PoolManager(num_pools=1, timeout=urllib3.Timeout(total=FETCH_S)) as pool:
            # No redirect: the address is what the operator or the provider's document says.
            answer = pool.request("GET", check_url(url), preload_content=False, redirect=False, retries=False)
            try:
                body = b""
                for chunk in answer.stream(65_536):
                    body += chunk
                    if len(body) > MOST_BYTES or time.monotonic() > give_up_at:
                        raise KeysUnavailable(f"{url} sent more than {MOST_BYTES} bytes, or took over {FETCH_S:g} s")
            finally:
                answer.close()
        read = json.loads(body) if answer.status == 200 else None
    except (HTTPError, ValueError, RecursionError) as error:
        raise KeysUnavailable(f"{url}: {error}") from error
    if not isinstance(read, dict):
        raise KeysUnavailable(f"{url} answered {answer.status}, expected is 200 and an object")
    return read


class SigningKeys:
    """Keys as they were fetched last. One fetch at a time; a key that is known never waits for one."""

    def __init__(self, fetch: Callable[[], Keys], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._keys: Keys = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> jwt.PyJWK | None:
        """The key of this name; None where the provider has none. KeysUnavailable where it can't be asked."""
        now = self._clock()
        is_usable = now - self._fetched_at < MOST_AGE_S
        if is_usable and kid in self._keys:
            if now - self._fetched_at >= FRESH_S:
                self._begin()
            return self._keys[kid]
        if (task := self._begin()) is not None:
            # Callers that go away must not end it for those that wait.
            await asyncio.shield(task)
        if self._clock() - self._fetched_at >= MOST_AGE_S:
            raise KeysUnavailable("the keys of the token's issuer can't be fetched")
        return self._keys.get(kid)

    def _begin(self) -> "asyncio.Task[None] | None":
        """The fetch under way, or a new one; None where the last one was a moment ago."""
        if self._fetching is None or self._fetching.done():
            if self._clock() - self._tried_at < RETRY_S:
                return None
            self._tried_at = self._clock()
            self._fetching = asyncio.create_task(self._refresh(), name="signing-keys")
        return self._fetching

    async def _refresh(self) -> None:
        try:
            self._keys = await asyncio.to_thread(self._fetch)
            self._fetched_at = self._clock()
        except KeysUnavailable as error:
            log.warning("keys of the issuer of gRPC tokens stay as they were: %s", error)
