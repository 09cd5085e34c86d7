"""What the validator's rules find on an image."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.studio.api.documents import opened_text
from services.studio.api.requests import body_of, session_of
from services.studio.parts import studio_of


async def find(request: Request) -> Response:
    """`touched`: the shapes that are asked about; null for the whole image."""
    session_of(request)
    body, parameters = await body_of(request), request.path_params
    touched = body.get("touched")
    if touched is not None and not (isinstance(touched, list) and all(isinstance(each, str) for each in touched)):
        raise HTTPException(400, f"touched is {touched!r:.60}; accepted: null, or a list of shape ids")
    dataset_id, image_id = parameters["dataset_id"], parameters["image_id"]
    revision, document = await opened_text(request)
    found = await studio_of(request).findings.find(dataset_id, image_id, document, touched=touched)
    return JSONResponse({"revision": revision, "findings": found})
