"""Reports of runs: one as a dashboard, its pictures, and several side by side."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.studio.api.requests import session_of
from services.studio.drafts.store import UnknownDraft
from services.studio.parts import Studio, studio_of
from services.studio.reports.comparison import LEAST_RUNS, MOST_RUNS, Compared, compared
from services.studio.reports.dashboard import dashboard_of
from services.studio.reports.report_store import ReportMissing


async def report(request: Request) -> Response:
    """The dashboard, with the draft's image of each that went wrong."""
    session_of(request)
    studio, run_id = studio_of(request), request.path_params["run_id"]
    dashboard = dashboard_of(await studio.reports.report(run_id))
    run = await studio.monitor.get(run_id)
    ids = await asyncio.to_thread(_image_ids, studio, run["dataset_id"])
    for row in dashboard["worst"]:
        row["image_id"] = ids.get(row["image"])
    return JSONResponse({**dashboard, "dataset_id": run["dataset_id"]})


def _image_ids(studio: Studio, dataset_id: str) -> dict[str, int]:
    """By path; none where the dataset was not made here."""
    try:
        return {row.path: row.image_id for row in studio.drafts.images(dataset_id)}
    except UnknownDraft:
        return {}


async def picture(request: Request) -> Response:
    session_of(request)
    content = await studio_of(request).reports.picture(request.path_params["run_id"], request.path_params["name"])
    return Response(content, media_type="image/png", headers={"Cache-Control": "private, max-age=86400"})


async def compare(request: Request) -> Response:
    session_of(request)
    studio = studio_of(request)
    run_ids = list(dict.fromkeys(request.query_params.getlist("run")))
    if not LEAST_RUNS <= len(run_ids) <= MOST_RUNS:
        raise HTTPException(400, f"{len(run_ids)} runs: accepted are {LEAST_RUNS} to {MOST_RUNS}")
    return JSONResponse(compared([await _compared(studio, run_id) for run_id in run_ids]))


async def _compared(studio: Studio, run_id: str) -> Compared:
    """A run without a report or a configuration is shown with what the monitor knows."""
    view = await studio.monitor.get(run_id)
    found: dict[str, Any] = await _or_nothing(studio.reports.report(run_id))
    configuration = found.get("recipe") or await _or_nothing(studio.reports.configuration(run_id))
    return Compared(view=view, configuration=configuration, report=found)


async def _or_nothing(read: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = await read
    except ReportMissing:
        return {}
    return found
