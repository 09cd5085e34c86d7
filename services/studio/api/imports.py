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


async def read(request: Request) -> Response:
    need(request, Role.ANNOTATOR)
    parameters = request.path_params
    imported = await studio_of(request).imports.read(parameters["dataset_id"], parameters["import_id"])
    return JSONResponse(asdict(imported))
