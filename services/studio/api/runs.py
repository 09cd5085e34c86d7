"""Training: ordered, steered, listed, and its models brought home."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from truscore.ordering.messages import STEERING
from truscore.validation.order import check_order

from services.studio.access.roles import Role
from services.studio.api.requests import body_of, need, session_of, text
from services.studio.forms.configuration import overrides_of, priority_of, time_budget_of
from services.studio.parts import studio_of
from services.studio.publish.publishing import order_of

PROFILES = ("small", "full")
CURVE_POINTS = 512  # of each curve: what the monitor keeps at most


async def train(request: Request) -> Response:
    """Orders training on a published version. 400 with every reason that no trainer could carry it out."""
    session = need(request, Role.OPERATOR)
    studio, body = studio_of(request), await body_of(request)
    dataset_id, name = text(body, "dataset_id"), text(body, "version")
    draft = await asyncio.to_thread(studio.drafts.get, dataset_id)
    versions = await asyncio.to_thread(studio.drafts.versions, dataset_id)
    version = next((each for each in versions if each.version == name), None)
    if version is None:
        raise HTTPException(404, f"dataset {dataset_id!r} has no version {name!r}")
    values = body.get("values", {})
    if not isinstance(values, dict):
        raise HTTPException(400, f"values is {values!r:.60}; accepted: an object from key to value")
    order = order_of(
        draft,
        version,
        validation_only=False,
        overrides=overrides_of(values),
        request_id=text(body, "request_id"),
        priority=priority_of(body),
        time_budget_s=time_budget_of(body),
    )
    refusals = [check_order(order, profile=profile) for profile in PROFILES]
    if all(refusals):
        raise HTTPException(400, "; ".join(found.message for found in refusals[0]))
    await studio.requests.announce(order, requested_by=session.name)
    return JSONResponse({"reference": f"{dataset_id}/{name}", "next": f"/runs/{dataset_id}/{name}"}, 202)


async def curves(request: Request) -> Response:
    """Every curve over the optimiser steps; 404 while no trainer has taken the run."""
    session_of(request)
    found = await studio_of(request).monitor.curves(request.path_params["run_id"], points=CURVE_POINTS)
    return JSONResponse({"curves": found})


async def hardware(request: Request) -> Response:
    """What was sampled of the hosts that trained, over time; 404 while no trainer has taken the run."""
    session_of(request)
    found = await studio_of(request).monitor.hardware(request.path_params["run_id"], points=CURVE_POINTS)
    return JSONResponse({"curves": found})


async def steer(request: Request) -> Response:
    session, body = need(request, Role.OPERATOR), await body_of(request)
    run_id, verb = request.path_params["run_id"], request.path_params["verb"]
    if verb not in STEERING:
        raise HTTPException(404, f"{verb!r}; accepted: {', '.join(STEERING)}")
    await studio_of(request).requests.steer(verb, run_id, reason=text(body, "reason"), requested_by=session.name)
    return JSONResponse({}, 202)


async def artifact(request: Request) -> Response:
    """A file of a run's model, fetched from the store with its digest proved."""
    session_of(request)
    studio, name = studio_of(request), request.path_params["name"]
    run = await studio.monitor.get(request.path_params["run_id"])
    found: dict[str, Any] | None = next((each for each in run["artifacts"] if each["name"] == name), None)
    if found is None:
        raise HTTPException(404, f"the model of this run has no file {name!r}")
    folder = tempfile.TemporaryDirectory(prefix="download-", dir=studio.intake.files.incoming)
    path = Path(folder.name) / "file"
    try:
        await asyncio.to_thread(studio.store.get_file, found["uri"], path, sha256=found["sha256"] or None)
    except BaseException:
        folder.cleanup()
        raise
    return FileResponse(
        path,
        filename=f"{run['model_id']}-{name}",
        media_type="application/octet-stream",
        background=BackgroundTask(folder.cleanup),
    )


async def away(_request: Request, error: Exception) -> Response:
    """Handler of what does not answer: broker, monitor, store."""
    return JSONResponse({"error": str(error)}, 503)
