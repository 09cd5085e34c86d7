"""Large files, sent in pieces: a browser asks how far one came, and goes on there."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from services.studio.access.roles import Role
from services.studio.api.datasets import duplicate
from services.studio.api.requests import body_of, need, text
from services.studio.drafts.store import Duplicate
from services.studio.partial_uploads import WrongOffset
from services.studio.parts import studio_of


async def offset(request: Request) -> Response:
    session, parameters = need(request, Role.ANNOTATOR), request.path_params
    uploads = studio_of(request).uploads
    found = await asyncio.to_thread(uploads.offset, session.name, parameters["dataset_id"], parameters["upload_id"])
    return JSONResponse({"offset": found})


async def append(request: Request) -> Response:
    """The next piece. 409 with the offset where it is another one."""
    session, studio, parameters = need(request, Role.ANNOTATOR), studio_of(request), request.path_params
    first = request.query_params.get("offset", "")
    if not first.isascii() or not first.isdigit():
        raise HTTPException(400, f"offset is {first[:40]!r}; accepted: a number of bytes")
    await asyncio.to_thread(studio.drafts.get, parameters["dataset_id"])
    try:
        found = await studio.uploads.append(
            session.name, parameters["dataset_id"], parameters["upload_id"], offset=int(first), content=request.stream()
        )
    except WrongOffset as error:
        return _elsewhere(error)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it; what came stays
    return JSONResponse({"offset": found})


async def complete(request: Request) -> Response:
    """An image of the draft by now or, with an `import_id`, a file of that import."""
    session, studio, body = need(request, Role.ANNOTATOR), studio_of(request), await body_of(request)
    dataset_id, size = request.path_params["dataset_id"], body.get("size")
    if not isinstance(size, int) or isinstance(size, bool):
        raise HTTPException(400, f"size is {size!r:.40}; accepted: a number of bytes")
    name, import_id = text(body, "name"), text(body, "import_id")
    try:
        file = await asyncio.to_thread(
            studio.uploads.complete, session.name, dataset_id, request.path_params["upload_id"], size=size
        )
        if import_id:
            await studio.imports.add_received(dataset_id, import_id, name, file)
            return JSONResponse({}, 201)
        return JSONResponse(asdict(await studio.intake.take_received(dataset_id, name, file)), 201)
    except WrongOffset as error:
        return _elsewhere(error)
    except Duplicate as error:
        return duplicate(error)


def _elsewhere(error: WrongOffset) -> Response:
    return JSONResponse({"error": str(error), "offset": error.offset}, 409)
