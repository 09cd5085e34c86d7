"""What is marked on an image: opened, and changed by batches of operations."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from truscore.datasets.index.records import ImageRecord, Light

from services.studio.access.roles import Role
from services.studio.api.requests import body_of, need, session_of, text
from services.studio.drafts.dataset import InvalidDraft
from services.studio.drafts.document import Document
from services.studio.drafts.document_json import document_to_dict, document_to_json
from services.studio.drafts.journal import Batch, Stale
from services.studio.parts import studio_of


def is_own(request: Request) -> bool:
    """Whether it is about what the person who asks marks by themselves, and not about the shared document."""
    return request.query_params.get("own") == "yes"


async def opened(request: Request) -> tuple[int, Document]:
    """The revision and the document that a request is about."""
    session, studio, parameters = session_of(request), studio_of(request), request.path_params
    dataset_id, image_id = parameters["dataset_id"], parameters["image_id"]
    if is_own(request):
        return await asyncio.to_thread(studio.readings.open, dataset_id, image_id, session.name)
    return await asyncio.to_thread(studio.journal.open, dataset_id, image_id)


async def opened_text(request: Request) -> tuple[int, str]:
    """The same, the document as JSON: what a child is handed is read there."""
    if is_own(request):
        revision, document = await opened(request)
        return revision, await asyncio.to_thread(document_to_json, document)
    parameters = request.path_params
    return await asyncio.to_thread(studio_of(request).journal.text, parameters["dataset_id"], parameters["image_id"])


async def open_document(request: Request) -> Response:
    revision, document = await opened(request)
    return JSONResponse({"revision": revision, "document": document_to_dict(document)})


async def open_image(request: Request) -> Response:
    """The image and its document at once: what a page needs that is open already to show another image."""
    session_of(request)
    studio, parameters = studio_of(request), request.path_params
    record = await asyncio.to_thread(studio.drafts.image, parameters["dataset_id"], parameters["image_id"])
    revision, document = await opened(request)
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
    """409 with the missing batches where others have edited since the base. Once somebody says that the image is done,
    it is compared with what others say of it."""
    session, studio, parameters = need(request, Role.ANNOTATOR), studio_of(request), request.path_params
    dataset_id, image_id = parameters["dataset_id"], parameters["image_id"]
    batch = _batch(await body_of(request))
    if is_own(request):
        outcome = await asyncio.to_thread(studio.readings.save, dataset_id, image_id, batch, annotator=session.name)
    else:
        outcome = await asyncio.to_thread(studio.journal.save, dataset_id, image_id, batch, author=session.name)
    if isinstance(outcome, Stale):
        return JSONResponse({"revision": outcome.revision, "missing": outcome.missing}, 409)
    if any(operation.get("op") == "review" for operation in batch.operations):
        with suppress(InvalidDraft):  # the edit is saved, whatever comes of comparing it
            await studio.agreements.settle(dataset_id, image_id)
    return JSONResponse({"revision": outcome.revision})


async def operations_since(request: Request) -> Response:
    """What was saved after the revision `since`, of the shared document: `missing` is null where it is to be opened
    anew."""
    session_of(request)
    parameters, since = request.path_params, request.query_params.get("since", "")
    if not since.isascii() or not since.isdecimal() or len(since) > 9:
        raise HTTPException(400, f"since is {since!r:.60}; accepted: a revision")
    stale = await asyncio.to_thread(
        studio_of(request).journal.since, parameters["dataset_id"], parameters["image_id"], int(since)
    )
    return JSONResponse({"revision": stale.revision, "missing": stale.missing})


def _batch(body: dict[str, Any]) -> Batch:
    base, operations = body.get("base"), body.get("ops")
    if isinstance(base, bool) or not isinstance(base, int):
        raise HTTPException(400, f"base is {base!r:.60}; accepted: the revision that was edited")
    if not isinstance(operations, list):
        raise HTTPException(400, f"ops is {operations!r:.60}; accepted: a list of operations")
    return Batch(base=base, batch_id=text(body, "batch_id"), operations=operations)
