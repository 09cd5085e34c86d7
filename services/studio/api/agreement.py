"""Readings of one's own, and how far they agree with the shared document."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.studio.access.roles import Role
from services.studio.api.requests import need, session_of
from services.studio.drafts.document_json import document_to_dict
from services.studio.parts import studio_of


async def of_image(request: Request) -> Response:
    session, parameters = session_of(request), request.path_params
    found = await studio_of(request).agreements.of_image(parameters["dataset_id"], parameters["image_id"])
    for row in found["readings"]:
        row["is_own"] = row["annotator"] == session.name
    return JSONResponse(found)


async def of_dataset(request: Request) -> Response:
    session_of(request)
    return JSONResponse(await studio_of(request).agreements.of_dataset(request.path_params["dataset_id"]))


async def reading(request: Request) -> Response:
    """What somebody marked by themselves, for whoever settles the dispute."""
    need(request, Role.ANNOTATOR)
    parameters, annotator = request.path_params, request.query_params.get("annotator", "")
    readings = await asyncio.to_thread(
        studio_of(request).readings.of_image, parameters["dataset_id"], parameters["image_id"]
    )
    found = next((each for each in readings if each.annotator == annotator), None)
    if found is None:
        raise HTTPException(404, f"{annotator!r:.100} has no reading of this image")
    return JSONResponse({"document": document_to_dict(found.document)})
