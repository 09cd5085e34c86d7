"""What is in a draft, as numbers and as a picture of what training makes of it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.studio.api.requests import session_of
from services.studio.insights import MOST_SHOWN, asked_from, whole
from services.studio.parts import studio_of


async def numbers(request: Request) -> Response:
    session_of(request)
    asked = asked_from(request.query_params)
    return JSONResponse(await studio_of(request).insights.numbers(request.path_params["dataset_id"], asked))


async def augmentation(request: Request) -> Response:
    session_of(request)
    query = request.query_params
    sheet = await studio_of(request).insights.sheet(
        request.path_params["dataset_id"],
        asked_from(query),
        images=whole(query, "images", 3, 1, MOST_SHOWN) or 1,
        variants=whole(query, "variants", 4, 1, MOST_SHOWN) or 1,
    )
    return Response(sheet, media_type="image/png")
