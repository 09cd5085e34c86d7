"""Logging in by a link that counts once, and out."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.studio.access.guard import COOKIE
from services.studio.api.requests import body_of, text
from services.studio.parts import studio_of


async def log_in(request: Request) -> Response:
    studio = studio_of(request)
    token = text(await body_of(request), "token")
    session = await asyncio.to_thread(studio.sessions.log_in, token)
    if session is None:
        raise HTTPException(403, "this link has been used or is too old: ask for another")
    response = JSONResponse({"next": "/"})
    response.set_cookie(
        COOKIE,
        session,
        max_age=int(studio.sessions.session_s),
        httponly=True,
        samesite="strict",
        secure=studio.secure_cookie,
    )
    return response


async def log_out(request: Request) -> Response:
    await asyncio.to_thread(studio_of(request).sessions.log_out, request.cookies.get(COOKIE, ""))
    response = JSONResponse({"next": "/login"})
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response
