"""What is marked on an image: opened, and changed by batches of operations."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from truscore.datasets.index.records import ImageRecord, Light

from services.studio.access.roles import Role
from services.studio.api.requests import body_of, need, session_of, text
from services.studio.drafts.document_json import document_to_dict
from services.studio.drafts.journal import Batch, Stale
from services.studio.parts import studio_of


async def open_document(request: Request) -> Response:
    session_of(request)
    parameters = request.path_params
    revision, document = await asyncio.to_thread(
        studio_of(request).journal.open, parameters["dataset_id"], parameters["image_id"]
    )
    return JSONResponse({"revision": revision, "document": document_to_dict(document)})


async def open_image(request: Request) -> Response:
    """The image and its document at once: what a page needs that is open already to show another image."""
    session_of(request)
    studio, parameters = studio_of(request), request.path_params
    record = await asyncio.to_thread(studio.drafts.image, parameters["dataset_id"], parameters["image_id"])
    revision, document = await asyncio.to_thread(studio.journal.open, parameters["dataset_id"], parameters["image_id"])
    views = await asyncio.to_thread(studio.drafts.views, parameters["dataset_id"], record)
    return JSONResponse(
        {
            "image": opened_image(parameters["image_id"], record),
            "views": [{**opened_image(image_id, view), "light": light_name(view.light)} for image_id, view in views],
            "revision": revision,
            "document": document_to_dict(document),
        }
    )


def light_name(light: Light | None) -> str:
    """As a list shows it: its name, or where it stands seen from the object (x to the right, y up, z to the camera)."""
    if light is None or light.direction is None:
        return "" if light is None else light.name
    return light.name or ", ".join(f"{part:.2f}" for part in light.direction)


def opened_image(image_id: int, record: ImageRecord) -> dict[str, Any]:
    """What a browser shows an image by."""
    return {
        "image_id": image_id,
        "path": record.path,
        "width": record.width,
        "height": record.height,
        "sha256": record.sha256,
    }


async def save_operations(request: Request) -> Response:
    """409 with the missing batches where others have edited since the base."""
    session, parameters = need(request, Role.ANNOTATOR), request.path_params
    outcome = await asyncio.to_thread(
        studio_of(request).journal.save,
        parameters["dataset_id"],
        parameters["image_id"],
        _batch(await body_of(request)),
        author=session.name,
    )
    if isinstance(outcome, Stale):
        return JSONResponse({"revision": outcome.revision, "missing": outcome.missing}, 409)
    return JSONResponse({"revision": outcome.revision})


def _batch(body: dict[str, Any]) -> Batch:
    base, operations = body.get("base"), body.get("ops")
    if isinstance(base, bool) or not isinstance(base, int):
        raise HTTPException(400, f"base is {base!r:.60}; accepted: the revision that was edited")
    if not isinstance(operations, list):
        raise HTTPException(400, f"ops is {operations!r:.60}; accepted: a list of operations")
    return Batch(base=base, batch_id=text(body, "batch_id"), operations=operations)
