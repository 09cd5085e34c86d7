"""A map of a draft's images."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.studio.access.roles import Role
from services.studio.api.requests import body_of, need, text
from services.studio.parts import studio_of


async def step(request: Request) -> Response:
    """Goes on with the map, which is asked for until it is there: each question is answered within seconds."""
    need(request, Role.ANNOTATOR)
    body = await body_of(request)
    found = await studio_of(request).maps.step(
        request.path_params["dataset_id"], run_id=text(body, "run_id"), method=text(body, "method")
    )
    return JSONResponse(found)
