"""Pages about runs and their models."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from truscore.recipes import InvalidConfig

from services.studio.access.roles import Role
from services.studio.api.requests import need, session_of
from services.studio.forms.configuration import FIRST, fields_of
from services.studio.handlers import MonitorAway
from services.studio.parts import Studio, studio_of

NOT_RUNS = frozenset({"VALIDATED"})


async def runs(request: Request) -> Response:
    session_of(request)
    studio, wanted = studio_of(request), request.query_params.get("q", "").strip()
    listed, trouble = await _listed(studio)
    found = [run for run in listed if wanted.casefold() in " ".join(map(str, run.values())).casefold()]
    return studio.pages.render(request, "runs.html", runs=found, total=len(listed), wanted=wanted, trouble=trouble)


async def run(request: Request) -> Response:
    session = session_of(request)
    reference = request.path_params["reference"]
    return studio_of(request).pages.render(
        request, "run.html", reference=reference, can_steer=session.role >= Role.OPERATOR
    )


async def compare(request: Request) -> Response:
    session_of(request)
    run_ids = list(dict.fromkeys(request.query_params.getlist("run")))
    return studio_of(request).pages.render(request, "compare.html", run_ids=run_ids)


async def models(request: Request) -> Response:
    session_of(request)
    listed, trouble = await _listed(studio_of(request))
    found = [run for run in listed if run["artifacts"]]
    return studio_of(request).pages.render(request, "models.html", runs=found, trouble=trouble)


async def train(request: Request) -> Response:
    """The form of one version's training."""
    need(request, Role.OPERATOR)
    studio, parameters = studio_of(request), request.path_params
    draft = await asyncio.to_thread(studio.drafts.get, parameters["dataset_id"])
    try:
        fields = fields_of(draft.category, draft.option, draft.architecture)
    except InvalidConfig as refusal:
        return studio.pages.render(
            request, "train.html", draft=draft, version=parameters["version"], first=(), rest=(), refusal=str(refusal)
        )
    return studio.pages.render(
        request,
        "train.html",
        draft=draft,
        version=parameters["version"],
        first=[field for field in fields if field.key in FIRST],
        rest=[field for field in fields if field.key not in FIRST],
        refusal="",
    )


async def _listed(studio: Studio) -> tuple[list[dict[str, Any]], str]:
    """Runs that train or did, newest first, and in words why there may be none."""
    try:
        return [run for run in await studio.monitor.list() if run["state"] not in NOT_RUNS], ""
    except MonitorAway as error:
        return [], str(error)
