"""Pages about runs and their models."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from truscore.process.cores import usable_cores
from truscore.recipes import InvalidConfig

from services.studio.access.roles import Role
from services.studio.api.requests import need, session_of
from services.studio.forms.beginnings import templates_of
from services.studio.forms.configuration import FIRST, fields_of
from services.studio.handlers import MonitorAway, TrackerAway
from services.studio.handlers.monitor import STATES
from services.studio.parts import Studio, studio_of

NOT_RUNS = frozenset({"VALIDATED"})
RUN_STATES = tuple(state for state in STATES if state not in NOT_RUNS)
PAGE, MOST_SEARCHED = 100, 1000  # runs that are listed, and that are looked through for words


async def runs(request: Request) -> Response:
    """A page of those that the address asks for: `q` words, `dataset`, `state`, `after` the page before."""
    session_of(request)
    studio, query = studio_of(request), request.query_params
    asked = {name: query.get(name, "").strip() for name in ("q", "dataset", "state", "after")}
    if asked["state"].upper() not in RUN_STATES:
        asked["state"] = ""
    words = asked["q"].casefold()
    listed, older, trouble = [], "", ""
    try:
        page, older = await studio.monitor.page(
            dataset_id=asked["dataset"],
            state=asked["state"].upper(),
            after=asked["after"],
            limit=MOST_SEARCHED if words else PAGE,
        )
        listed = [run for run in page if run["state"] not in NOT_RUNS]
    except MonitorAway as error:
        trouble = str(error)
    found = [run for run in listed if words in " ".join(map(str, run.values())).casefold()]
    return studio.pages.render(
        request,
        "runs.html",
        runs=found,
        asked=asked,
        states=[state.lower() for state in RUN_STATES],
        older=older and _address({**asked, "after": older}),
        trouble=trouble,
    )


def _address(asked: Mapping[str, str]) -> str:
    return f"/runs?{urlencode({name: value for name, value in asked.items() if value})}"


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
    """By model, each version with its files, and the aliases that the tracker has for it."""
    session_of(request)
    studio, aliases, tracker_trouble = studio_of(request), {}, ""
    listed, trouble = await _listed(studio)
    found: dict[str, list[dict[str, Any]]] = {}
    for run in listed:
        if run["artifacts"]:
            found.setdefault(run["model_id"], []).append(run)
    try:
        aliases = {each["run_id"]: each["aliases"] for each in await studio.experiments.list()} if found else {}
    except TrackerAway as error:
        tracker_trouble = str(error)
    return studio.pages.render(
        request, "models.html", models=found, aliases=aliases, trouble=trouble, tracker_trouble=tracker_trouble
    )


async def train(request: Request) -> Response:
    """The form of one version's training."""
    need(request, Role.OPERATOR)
    studio, parameters = studio_of(request), request.path_params
    draft = await asyncio.to_thread(studio.drafts.get, parameters["dataset_id"])
    try:
        fields = fields_of(draft.category, draft.option, draft.architecture)
    except InvalidConfig as refusal:
        return studio.pages.render(
            request,
            "train.html",
            draft=draft,
            version=parameters["version"],
            first=(),
            rest=(),
            refusal=str(refusal),
            templates=(),
            machine={},
            source="",
        )
    listed, _ = await _listed(studio)
    return studio.pages.render(
        request,
        "train.html",
        draft=draft,
        version=parameters["version"],
        first=[field for field in fields if field.key in FIRST],
        rest=[field for field in fields if field.key not in FIRST],
        refusal="",
        templates=[each.name for each in templates_of(draft)],
        machine=machine_of(listed),
        source=request.query_params.get("from", "")[:100],
    )


def machine_of(listed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The machine that trained last, as far as the runs tell; cores, which no sample counts, are those here."""
    sample = next((run["hardware"] for run in listed if run["hardware"]), None)
    if sample is None:
        return {"host": "", "cores": usable_cores(), "memory_gib": 4, "gpus": 0, "gpu_gib": 16, "gpu": ""}
    gpus = sample["gpus"]
    return {
        "host": sample["host"],
        "cores": usable_cores(),
        "memory_gib": max(1, sample["memory_total_bytes"] // 2**30),
        "gpus": len(gpus),
        "gpu_gib": max(1, gpus[0]["memory_total_bytes"] // 2**30) if gpus else 16,
        "gpu": gpus[0]["name"] if gpus else "",
    }


async def _listed(studio: Studio) -> tuple[list[dict[str, Any]], str]:
    """Runs that train or did, newest first, and in words why there may be none."""
    try:
        return [run for run in await studio.monitor.list() if run["state"] not in NOT_RUNS], ""
    except MonitorAway as error:
        return [], str(error)
