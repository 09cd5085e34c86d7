"""Marks that a model proposes: which models there are, and what one says of an image. Nothing is marked by it."""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.studio.access.roles import Role
from services.studio.api.requests import body_of, need, text
from services.studio.parts import studio_of


async def models(request: Request) -> Response:
    need(request, Role.ANNOTATOR)
    found = await studio_of(request).suggestions.models(request.path_params["dataset_id"])
    return JSONResponse({"models": [asdict(each) for each in found]})


async def suggest(request: Request) -> Response:
    need(request, Role.ANNOTATOR)
    run_id, parameters = text(await body_of(request), "run_id"), request.path_params
    said = await studio_of(request).suggestions.suggest(parameters["dataset_id"], parameters["image_id"], run_id=run_id)
    return JSONResponse(said)
