"""Drafts: made, filled with images, renamed classes, removed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from services.studio.access.roles import Role
from services.studio.api.requests import body_of, need, session_of, text, texts
from services.studio.drafts.dataset import checked_classes, new_draft
from services.studio.drafts.store import Duplicate
from services.studio.parts import studio_of
from services.studio.pyramid.archive import NoTile, read_tile


async def create(request: Request) -> Response:
    session, body = need(request, Role.ANNOTATOR), await body_of(request)
    draft = new_draft(
        dataset_id=text(body, "dataset_id"),
        category=text(body, "category"),
        option=text(body, "option"),
        architecture=text(body, "architecture"),
        class_names=texts(body, "class_names"),
        created_at=time.time(),
        created_by=session.name,
    )
    studio = studio_of(request)
    detail = f"{draft.category}/{draft.option}"
    await studio.requests.record("dataset.create", draft.dataset_id, detail=detail, requested_by=session.name)
    await asyncio.to_thread(studio.drafts.add, draft)
    return JSONResponse({"dataset_id": draft.dataset_id, "next": f"/datasets/{draft.dataset_id}"}, 201)


async def list_all(request: Request) -> Response:
    """The ids of all drafts."""
    session_of(request)
    listed = await asyncio.to_thread(studio_of(request).drafts.list)
    return JSONResponse({"datasets": [each.draft.dataset_id for each in listed]})


async def change(request: Request) -> Response:
    session, studio, dataset_id = need(request, Role.ANNOTATOR), studio_of(request), request.path_params["dataset_id"]
    names = checked_classes(texts(await body_of(request), "class_names"))
    await studio.requests.record("dataset.change", dataset_id, detail=", ".join(names), requested_by=session.name)
    await asyncio.to_thread(studio.drafts.set_classes, dataset_id, names)
    return JSONResponse({"class_names": names})


async def remove(request: Request) -> Response:
    session, studio, dataset_id = need(request, Role.ADMIN), studio_of(request), request.path_params["dataset_id"]
    await studio.requests.record("dataset.remove", dataset_id, requested_by=session.name)
    await asyncio.to_thread(studio.drafts.remove, dataset_id)
    return JSONResponse({"next": "/"})


async def add_image(request: Request) -> Response:
    need(request, Role.ANNOTATOR)
    name = request.query_params.get("name", "")
    try:
        taken = await studio_of(request).intake.take_image(request.path_params["dataset_id"], name, request.stream())
    except Duplicate as error:
        return duplicate(error)
    return JSONResponse(asdict(taken), 201)


def duplicate(error: Duplicate) -> Response:
    return JSONResponse({"error": str(error), "path": error.path}, 409)


async def remove_image(request: Request) -> Response:
    session, studio = need(request, Role.ANNOTATOR), studio_of(request)
    dataset_id, image_id = request.path_params["dataset_id"], request.path_params["image_id"]
    record = await asyncio.to_thread(studio.drafts.image, dataset_id, image_id)
    await studio.requests.record("image.remove", dataset_id, detail=record.path, requested_by=session.name)
    await asyncio.to_thread(studio.drafts.remove_image, dataset_id, image_id)
    return JSONResponse({})


async def list_images(request: Request) -> Response:
    session_of(request)
    rows = await asyncio.to_thread(studio_of(request).drafts.images, request.path_params["dataset_id"])
    return JSONResponse({"images": [asdict(row) for row in rows]})


async def tile(request: Request) -> Response:
    """A JPEG of a part of the picture. What an address names never changes: it has the file's digest in it."""
    session_of(request)
    studio, parameters = studio_of(request), request.path_params
    record = await asyncio.to_thread(studio.drafts.image, parameters["dataset_id"], parameters["image_id"])
    path = await studio.intake.pyramid(record)
    place = {name: parameters[name] for name in ("level", "column", "row")}
    try:
        content = await asyncio.to_thread(read_tile, path, **place)
    except NoTile as error:
        return JSONResponse({"error": str(error)}, 404)
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=86400, immutable"})


async def picture(request: Request) -> Response:
    """The preview or thumbnail: a JPEG that we drew, whatever was uploaded."""
    session_of(request)
    studio, parameters = studio_of(request), request.path_params
    record = await asyncio.to_thread(studio.drafts.image, parameters["dataset_id"], parameters["image_id"])
    files = studio.intake.files
    path = files.thumbnail(record.sha256) if parameters["size"] == "thumbnail" else files.preview(record.sha256)
    return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=86400"})
