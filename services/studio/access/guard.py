"""Checks before any page or call: the Host, where a request comes from, who is logged in; and the headers after it.

Host allow-list against DNS rebinding; Origin and Sec-Fetch-Site against requests that other sites have a browser send
(OWASP, Cross-Site Request Forgery Prevention), which programs show a token instead of; a policy of content that lets
nothing run but the studio's own files.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.studio.access.api_tokens import ApiTokens
from services.studio.access.sessions import Sessions
from services.studio.database import DatabaseAway

log = logging.getLogger("truscore.studio")

COOKIE: Final = "truscore_studio"
SAFE: Final = frozenset({"GET", "HEAD"})
OPEN: Final = (
    "/login", "/login/oidc", "/login/oidc/callback", "/api/login", "/api/login/password", "/healthz",
)  # fmt: skip
FILES: Final = "/web/"
BEARER: Final = "bearer "
POLICY_VIOLATION: Final = 1008  # close code of a WebSocket (RFC 6455, 7.4.1)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that the request comes from a page of this very host."""
    site = headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = headers.get("origin")
    if origin is None:
        return site == "same-origin"
    return bool(origin) and urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def host_name(host: str) -> str:
    """Of a Host header, without the port."""
    return host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]


class Guard:
    """Stands before the application."""

    def __init__(self, application: ASGIApp, *, sessions: Sessions, tokens: ApiTokens, hosts: Collection[str]) -> None:
        self._application = application
        self._sessions, self._tokens = sessions, tokens
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._guarded(scope, receive, send)
        except DatabaseAway as error:  # of who asks; what is raised behind this, the application answers
            log.warning("a request was not answered, for the database is away: %s", error.reason)
            await self._refuse(scope, receive, send, 503, f"{error}: try again in a moment")

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if host_name(headers.get("host", "")).lower() not in self._hosts:
            accepted = ", ".join(sorted(self._hosts))
            await self._refuse(scope, receive, send, 421, f"this host is not accepted: {accepted} are")
        elif headers.get("authorization", "").lower().startswith(BEARER):
            await self._call(scope, receive, send, headers["authorization"][len(BEARER) :].strip())
        elif (scope["type"] == "websocket" or scope["method"] not in SAFE) and not same_origin(headers):
            await self._refuse(scope, receive, send, 403, "the request does not come from a page of the studio")
        elif await self._admit(scope):
            await self._application(scope, receive, _with_headers(send, scope))
        else:
            await self._refuse(scope, receive, send, 401, "log in first: `make up` prints a link")

    async def _call(self, scope: Scope, receive: Receive, send: Send, token: str) -> None:
        """A program, by its token alone: no browser adds that header for another site, and cookies count for none."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._refuse(scope, receive, send, 403, "tokens are for the addresses under /api/ alone")
            return
        scope["session"] = await asyncio.to_thread(self._tokens.find, token)
        if scope["session"] is None:
            await self._refuse(scope, receive, send, 401, "this token is unknown, revoked or too old")
        else:
            await self._application(scope, receive, _with_headers(send, scope))

    async def _admit(self, scope: Scope) -> bool:
        if scope["path"].startswith(FILES):  # the same for everybody: a page has dozens of them
            scope["session"] = None
            return True
        token = HTTPConnection(scope).cookies.get(COOKIE, "")
        scope["session"] = await asyncio.to_thread(self._sessions.find, token) if token else None
        return scope["session"] is not None or scope["path"] in OPEN

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, status: int, text: str) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": text})
            return
        is_page = scope["method"] in SAFE and not scope["path"].startswith("/api/")
        response: RedirectResponse | PlainTextResponse | JSONResponse
        if status == 401 and is_page:
            response = RedirectResponse("/login", 303)
        else:
            response = PlainTextResponse(text, status) if is_page else JSONResponse({"error": text}, status)
        await response(scope, receive, _with_headers(send, scope))


def _with_headers(send: Send, scope: Scope) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-cache" if scope["path"].startswith("/web/") else "no-store")
        await send(message)

    return sending
