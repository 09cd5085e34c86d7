"""Versions of drafts: published, and what the validator says of them."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.studio.access.roles import Role
from services.studio.api.requests import body_of, need, session_of, text
from services.studio.drafts.store import Version
from services.studio.handlers import MonitorAway, RunUnknown
from services.studio.parts import Studio, studio_of
from services.studio.publish.publishing import Wanted

VERDICTS = frozenset({"VALIDATED", "REJECTED", "FAILED"})


async def publish(request: Request) -> Response:
    session, body = need(request, Role.OPERATOR), await body_of(request)
    wanted = Wanted(
        dataset_id=request.path_params["dataset_id"],
        format=text(body, "format", "truscore"),
        lossy=body.get("lossy") is True,
        notes=text(body, "notes"),
        author=session.name,
    )
    version = await studio_of(request).publishing.begin(wanted)
    return JSONResponse(asdict(version), 202)


async def changes(request: Request) -> Response:
    """What a version published now would change."""
    session_of(request)
    return JSONResponse(await studio_of(request).publishing.changes(request.path_params["dataset_id"]))


async def show(request: Request) -> Response:
    """The version with the verdict, as far as there is one."""
    session_of(request)
    studio, parameters = studio_of(request), request.path_params
    versions = await asyncio.to_thread(studio.drafts.versions, parameters["dataset_id"])
    found = next((each for each in versions if each.version == parameters["version"]), None)
    if found is None:
        raise HTTPException(404, f"there is no version {parameters['version']!r}")
    return JSONResponse(await with_verdict(studio, found))


async def with_verdict(studio: Studio, version: Version) -> dict[str, Any]:
    """The version, with what the monitor knows of its validation; a verdict is kept."""
    shown = {**asdict(version), "findings": [], "progress": {}}
    if version.state not in {"validating", *VERDICTS}:
        return shown
    try:
        run = await studio.monitor.get(f"{version.dataset_id}/{version.version}")
    except RunUnknown:
        return shown
    except MonitorAway as error:
        return {**shown, "message": shown["message"] or str(error)}
    if version.state == "validating" and run["state"] in VERDICTS:
        await asyncio.to_thread(
            studio.drafts.set_state, version.dataset_id, version.version, run["state"], run["message"]
        )
        shown |= {"state": run["state"], "message": run["message"]}
    return {**shown, "findings": run["findings"], "progress": run["progress"]}
