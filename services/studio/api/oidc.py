"""Logging in by a provider: to it, and back."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.studio.access.oidc_logins import PENDING_S
from services.studio.access.oidc_options import LoginRefused
from services.studio.api.login import keep_session, recording
from services.studio.pages.accounts import login
from services.studio.parts import Studio, studio_of

STATE_COOKIE: Final = "truscore_studio_login"
PATH: Final = "/login/oidc"
CALLBACK: Final = PATH + "/callback"


async def begin(request: Request) -> Response:
    """Sends the browser to the provider. A cookie binds the answer to this browser."""
    studio = studio_of(request)
    if studio.oidc is None:
        raise HTTPException(404, "no provider of logins is set here")
    try:
        address, state = await studio.oidc.begin(redirect_uri(request, studio))
    except LoginRefused as refusal:
        return await _refused(request, refusal)
    response = RedirectResponse(address, 303)
    # Lax: it is to come with the navigation that the provider's page makes.
    response.set_cookie(
        STATE_COOKIE,
        state,
        max_age=int(PENDING_S),
        path=PATH,
        httponly=True,
        samesite="lax",
        secure=studio.secure_cookie,
    )
    return response


async def callback(request: Request) -> Response:
    studio = studio_of(request)
    if studio.oidc is None:
        raise HTTPException(404, "no provider of logins is set here")
    try:
        known = await studio.oidc.finish(request.query_params, state=request.cookies.get(STATE_COOKIE, ""))
    except LoginRefused as refusal:
        return await _refused(request, refusal)
    if await asyncio.to_thread(studio.accounts.find, known.name) is not None:
        return await _refused(request, LoginRefused(f"{known.name} is a local account here: log in with its password"))
    token = await asyncio.to_thread(studio.sessions.begin, name=known.name, role=known.role, way="provider")
    # A page and no redirect: a cookie that is strict goes with no navigation that another site began.
    response = studio.pages.render(request, "logged_in.html")
    keep_session(response, studio, token)
    response.background = recording(studio, "login.provider", known.name)
    response.delete_cookie(STATE_COOKIE, path=PATH, httponly=True, samesite="lax")
    return response


def redirect_uri(request: Request, studio: Studio) -> str:
    """The address that the provider knows: of the studio as browsers reach it."""
    base = studio.url or f"{request.url.scheme}://{request.headers['host']}"
    return base.rstrip("/") + CALLBACK


async def _refused(request: Request, refusal: LoginRefused) -> Response:
    response = await login(request, refusal=str(refusal))
    response.delete_cookie(STATE_COOKIE, path=PATH, httponly=True, samesite="lax")
    return response
