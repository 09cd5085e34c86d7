"""Folders with annotations: sent file by file, then read."""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.studio.access.roles import Role
from services.studio.api.requests import need
from services.studio.parts import studio_of


async def add_file(request: Request) -> Response:
    need(request, Role.ANNOTATOR)
    parameters = request.path_params
    name = request.query_params.get("name", "")
    await studio_of(request).imports.add_file(parameters["dataset_id"], parameters["import_id"], name, request.stream())
    return JSONResponse({}, 201)


async def received(request: Request) -> Response:
    """What has come in already, for a browser that goes on after a break."""
    need(request, Role.ANNOTATOR)
    parameters = request.path_params
    files = await studio_of(request).imports.received(parameters["dataset_id"], parameters["import_id"])
    return JSONResponse({"files": files})


async def read(request: Request) -> Response:
    session, studio, parameters = need(request, Role.ANNOTATOR), studio_of(request), request.path_params
    await studio.requests.record("dataset.import", parameters["dataset_id"], requested_by=session.name)
    imported = await studio.imports.read(parameters["dataset_id"], parameters["import_id"])
    return JSONResponse(asdict(imported))
