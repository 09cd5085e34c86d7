"""Requests as plain values, within bounds, and refusals as answers."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from truscore.files import is_full_disk
from truscore.storage import NoSpace

from services.studio.access.roles import Role
from services.studio.access.sessions import Session
from services.studio.database import DatabaseAway, DatabaseFull

log = logging.getLogger("truscore.studio")

MOST_BODY_BYTES: Final = 8 * 2**20
RETRY_AFTER_S: Final = 2


def session_of(connection: HTTPConnection) -> Session:
    """Who asks. HTTPException 401 where nobody is logged in."""
    session: Session | None = connection.scope.get("session")
    if session is None:
        raise HTTPException(401, "log in first")
    return session


def need(connection: HTTPConnection, role: Role) -> Session:
    """Who asks; HTTPException 403 where they may not."""
    session = session_of(connection)
    if session.role < role:
        raise HTTPException(403, f"{session.role.name.lower()}s may not do this; accepted: {role.name.lower()} or more")
    return session


def need_person(connection: HTTPConnection, role: Role) -> Session:
    """The same, of somebody in a browser: what a token leaked with must not make further tokens, or accounts."""
    session = need(connection, role)
    if session.way == "token":
        raise HTTPException(403, "tokens may not do this: log in with a browser")
    return session


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object that was sent. HTTPException 400, 413 or 415."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "accepted: application/json")
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BODY_BYTES:
            raise HTTPException(413, f"accepted are up to {MOST_BODY_BYTES} bytes")
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"not JSON: {error}") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "accepted: a JSON object")
    return body


def text(body: dict[str, Any], key: str, default: str = "") -> str:
    value = body.get(key, default)
    if not isinstance(value, str):
        raise HTTPException(400, f"{key} is {value!r:.60}; accepted: text")
    return value


def texts(body: dict[str, Any], key: str) -> Sequence[str]:
    value = body.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise HTTPException(400, f"{key} is {value!r:.60}; accepted: a list of texts")
    return value


def flag(body: dict[str, Any], key: str) -> bool:
    value = body.get(key)
    if not isinstance(value, bool):
        raise HTTPException(400, f"{key} is {value!r:.60}; accepted: true or false")
    return value


def whole(body: dict[str, Any], key: str) -> int:
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise HTTPException(400, f"{key} is {value!r:.60}; accepted: a whole number")
    return value


async def refused(_request: Request, error: Exception) -> Response:
    """Handler of errors that say what was wrong with a request."""
    return JSONResponse({"error": str(error)}, 400)


async def not_found(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error.args[0]) if error.args else "not found"}, 404)


async def http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def disk_full(_request: Request, error: Exception) -> Response:
    """Handler of writes that failed: where there was no room, whoever asked may ask again later."""
    if isinstance(error, NoSpace | DatabaseFull) or is_full_disk(error):
        log.error("the studio's disk is full: %s", error)
        return JSONResponse({"error": "the studio's disk is full; try again once there is room"}, 507)
    raise error


async def database_away(request: Request, error: Exception) -> Response:
    """Handler of a database that does not answer. An edit is kept by its page, which sends it again."""
    assert isinstance(error, DatabaseAway)
    log.warning("a request was not answered, for the database is away: %s", error.reason)
    text = f"{error}: what was not confirmed is not saved; try again in a moment"
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": text}, 503, headers)
    return PlainTextResponse(text, 503, headers)


async def broke(_request: Request, _error: Exception) -> Response:
    """Handler of what nobody foresaw: its words go to the log, not to the browser."""
    return JSONResponse({"error": "the studio failed at this; its log says why"}, 500)
