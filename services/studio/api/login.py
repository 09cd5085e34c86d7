"""Logging in by a link that counts once or by a password, and out."""

from __future__ import annotations

import asyncio
import logging

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from truscore.bus import BusError

from services.studio.access.guard import COOKIE
from services.studio.access.passwords import TooManyAttempts
from services.studio.api.requests import body_of, text
from services.studio.parts import Studio, studio_of

log = logging.getLogger("truscore.studio")


async def log_in(request: Request) -> Response:
    studio = studio_of(request)
    token = text(await body_of(request), "token")
    session = await asyncio.to_thread(studio.sessions.log_in, token)
    if session is None:
        raise HTTPException(403, "this link has been used or is too old: ask for another")
    found = await asyncio.to_thread(studio.sessions.find, session)
    response = JSONResponse({"next": "/"})
    response.background = recording(studio, "login.link", found.name if found else "")
    keep_session(response, studio, session)
    return response


async def log_in_by_password(request: Request) -> Response:
    """One refusal for every reason, after the same time: it tells nobody which names there are."""
    studio, body = studio_of(request), await body_of(request)
    name, password = text(body, "name").strip(), text(body, "password")
    await check_attempt(studio, name, password, refusal="name or password is wrong")
    account = await asyncio.to_thread(studio.accounts.find, name)
    if account is None or not account.is_open:
        raise HTTPException(403, "name or password is wrong")
    digest = await asyncio.to_thread(studio.accounts.digest_of, name)
    if digest and studio.passwords.is_outdated(digest):
        await asyncio.to_thread(studio.accounts.renew_digest, name, await studio.passwords.digest(password))
    session = await asyncio.to_thread(studio.sessions.begin, name=account.name, role=account.role, way="password")
    response = JSONResponse({"next": "/"})
    response.background = recording(studio, "login.password", account.name)
    keep_session(response, studio, session)
    return response


async def check_attempt(studio: Studio, name: str, password: str, *, refusal: str) -> None:
    """HTTPException 429 where somebody guesses, 403 where the password is not that of the account."""
    try:
        studio.attempts.begin(name[:200])
    except TooManyAttempts as error:
        log.warning("attempts at the name %r are refused for %.0f s", name[:64], error.wait_s)
        raise HTTPException(429, str(error), {"Retry-After": str(max(1, round(error.wait_s)))}) from None
    digest = await asyncio.to_thread(studio.accounts.digest_of, name)
    if not await studio.passwords.holds(password, digest):
        raise HTTPException(403, refusal)
    studio.attempts.forget(name)


def keep_session(response: Response, studio: Studio, token: str) -> None:
    """In a cookie that scripts don't see and other sites don't send."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(studio.sessions.session_s),
        httponly=True,
        samesite="strict",
        secure=studio.secure_cookie,
    )


def recording(studio: Studio, action: str, name: str) -> BackgroundTask:
    """Puts a login on record, after the answer: nobody is kept out because the broker is away."""

    async def record() -> None:
        try:
            await studio.requests.record(action, name, requested_by=name)
        except BusError as error:
            log.warning("%s of %r is not on record: %s", action, name, error)

    return BackgroundTask(record)


async def log_out(request: Request) -> Response:
    await asyncio.to_thread(studio_of(request).sessions.log_out, request.cookies.get(COOKIE, ""))
    response = JSONResponse({"next": "/login"})
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response
