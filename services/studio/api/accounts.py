"""One's own password and tokens; and, for admins, the accounts of all. Each act is on record before it is done."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.studio.access.passwords import check_password
from services.studio.access.roles import Role, role_named
from services.studio.access.sessions import Session
from services.studio.api.login import check_attempt, keep_session
from services.studio.api.requests import body_of, flag, need_person, text, whole
from services.studio.parts import Studio, studio_of


async def set_password(request: Request) -> Response:
    """By the old password, or by a login link, which is how a first one is set and a forgotten one replaced."""
    session, studio, body = need_person(request, Role.READER), studio_of(request), await body_of(request)
    if session.way == "provider":
        raise HTTPException(403, "you logged in by a provider: your password is set there")
    account = await asyncio.to_thread(studio.accounts.find, session.name)
    if account is None:
        raise HTTPException(403, f"there is no account {session.name!r}: an admin makes one")
    password = text(body, "password")
    check_password(password, name=account.name)
    if session.way == "password":
        await check_attempt(studio, account.name, text(body, "current"), refusal="the current password is wrong")
    await studio.requests.record("account.password", account.name, requested_by=session.name)
    await asyncio.to_thread(studio.accounts.set_password, account.name, await studio.passwords.digest(password))
    token = await asyncio.to_thread(studio.sessions.begin, name=account.name, role=account.role, way="password")
    response = JSONResponse({"next": "/account"})
    keep_session(response, studio, token)
    return response


async def make_token(request: Request) -> Response:
    """The token is in this answer and nowhere else."""
    session, studio, body = need_person(request, Role.READER), studio_of(request), await body_of(request)
    role, label, days = _role(text(body, "role")), text(body, "label"), whole(body, "days")
    token, made = await asyncio.to_thread(
        studio.tokens.make, owner=session.name, role=role, label=label, days=days, owner_role=session.role
    )
    detail = f"{made.label} ({role.name.lower()}, {days} days)"
    try:
        await studio.requests.record("token.create", made.token_id, detail=detail, requested_by=session.name)
    except BaseException:
        await asyncio.to_thread(studio.tokens.revoke, made.token_id, owner=session.name)
        raise
    return JSONResponse({"token": token, "token_id": made.token_id}, 201)


async def revoke_token(request: Request) -> Response:
    """One's own; admins anybody's."""
    session, studio = need_person(request, Role.READER), studio_of(request)
    owner = None if session.role >= Role.ADMIN else session.name
    gone = await asyncio.to_thread(studio.tokens.revoke, request.path_params["token_id"], owner=owner)
    # Done before it is on record: a token that leaked is not to live on because the broker is away.
    detail = f"{gone.label}, of {gone.owner}"
    await studio.requests.record("token.revoke", gone.token_id, detail=detail, requested_by=session.name)
    return JSONResponse({})


async def add(request: Request) -> Response:
    """An account without a password, and the link by which its owner sets one."""
    session, studio, body = need_person(request, Role.ADMIN), studio_of(request), await body_of(request)
    name, role = text(body, "name").strip(), _role(text(body, "role"))
    await studio.requests.record("account.create", name, detail=role.name.lower(), requested_by=session.name)
    account = await asyncio.to_thread(studio.accounts.add, name, role, by=session.name)
    return JSONResponse({"name": account.name, "link": await _link(request, studio, account.name, role)}, 201)


async def change(request: Request) -> Response:
    session, studio, body = need_person(request, Role.ADMIN), studio_of(request), await body_of(request)
    name = _another(request, session)
    role, is_open = _role(text(body, "role")), flag(body, "is_open")
    detail = f"{role.name.lower()}, {'open' if is_open else 'closed'}"
    await studio.requests.record("account.change", name, detail=detail, requested_by=session.name)
    await asyncio.to_thread(studio.accounts.change, name, role=role, is_open=is_open)
    return JSONResponse({})


async def remove(request: Request) -> Response:
    session, studio = need_person(request, Role.ADMIN), studio_of(request)
    name = _another(request, session)
    await studio.requests.record("account.remove", name, requested_by=session.name)
    await asyncio.to_thread(studio.accounts.remove, name)
    return JSONResponse({})


async def make_link(request: Request) -> Response:
    """A login link, for somebody who forgot the password."""
    session, studio, name = need_person(request, Role.ADMIN), studio_of(request), request.path_params["name"]
    account = await asyncio.to_thread(studio.accounts.find, name)
    if account is None or not account.is_open:
        raise HTTPException(404, f"there is no open account {name!r}")
    await studio.requests.record("account.link", account.name, requested_by=session.name)
    return JSONResponse({"link": await _link(request, studio, account.name, account.role)}, 201)


async def _link(request: Request, studio: Studio, name: str, role: Role) -> str:
    token = await asyncio.to_thread(studio.sessions.make_login_token, name=name, role=role)
    base = studio.url or f"{request.url.scheme}://{request.headers['host']}"
    return f"{base.rstrip('/')}/login#{token}"


def _another(request: Request, session: Session) -> str:
    """The account that is meant; HTTPException 400 for one's own, which nobody locks out by mistake."""
    name: str = request.path_params["name"]
    if name.casefold() == session.name.casefold():
        raise HTTPException(400, "this is your own account: another admin changes it")
    return name


def _role(name: str) -> Role:
    try:
        return role_named(name)
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
