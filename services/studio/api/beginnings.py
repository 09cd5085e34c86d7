"""What a form of a training begins with: a suggestion for a machine, a template, or another run's configuration."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from truscore.datasets.statistics import Statistics
from truscore.recipes import InvalidConfig
from truscore.recipes.suggestion import Gpu, Hardware
from truscore.storage import StoreError, parse_uri

from services.studio.access.roles import Role
from services.studio.api.requests import need
from services.studio.drafts.dataset import Draft, InvalidDraft
from services.studio.forms.beginnings import Beginning, of_configuration, of_suggestion, of_template, templates_of
from services.studio.insights import asked_from, whole
from services.studio.parts import Studio, studio_of

GIB = 2**30


async def suggestion(request: Request) -> Response:
    """Of the draft's images and the machine that the query describes: cores, memory_gib, gpus, gpu_gib, host."""
    draft, studio = await _draft(request), studio_of(request)
    numbers = await studio.insights.numbers(draft.dataset_id, asked_from({}))
    facts = Statistics(**numbers["statistics"])
    weights = await _weights(studio)
    try:
        found = of_suggestion(
            draft, facts, _hardware(request), weights=weights, host=request.query_params.get("host", "")[:100]
        )
    except InvalidConfig as refusal:
        raise InvalidDraft(str(refusal)) from refusal
    return _answer(found)


async def template(request: Request) -> Response:
    draft, name = await _draft(request), request.path_params["name"]
    found = next((each for each in templates_of(draft) if each.name == name), None)
    if found is None:
        raise HTTPException(404, f"there is no template {name!r:.100} of this architecture")
    return _answer(of_template(found))


async def of_run(request: Request) -> Response:
    await _draft(request)
    run_id = request.path_params["run_id"]
    return _answer(of_configuration(await studio_of(request).reports.configuration(run_id), run_id))


async def _draft(request: Request) -> Draft:
    need(request, Role.OPERATOR)
    return await asyncio.to_thread(studio_of(request).drafts.get, request.path_params["dataset_id"])


def _hardware(request: Request) -> Hardware:
    """InvalidDraft names what is accepted."""
    query = request.query_params
    cores, memory = whole(query, "cores", 1, 1, 4096), whole(query, "memory_gib", 4, 1, 100_000)
    gpus, gpu_gib = whole(query, "gpus", 0, 0, 64), whole(query, "gpu_gib", 16, 1, 10_000)
    gpu = Gpu(name=query.get("gpu", "GPU")[:60] or "GPU", free_bytes=(gpu_gib or 1) * GIB)
    return Hardware(cpu_cores=cores or 1, free_bytes=(memory or 1) * GIB, gpus=(gpu,) * (gpus or 0))


async def _weights(studio: Studio) -> frozenset[str] | None:
    """Keys of published weights in the store; None where it does not answer."""
    try:
        found = await asyncio.to_thread(studio.reports.weights)
        return frozenset(parse_uri(uri).key for uri in found)
    except StoreError:
        return None


def _answer(found: Beginning) -> Response:
    return JSONResponse(asdict(found))
