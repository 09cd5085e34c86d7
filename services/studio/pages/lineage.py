"""The page of what came of what."""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response

from services.studio.api.requests import session_of
from services.studio.handlers import TrackerAway
from services.studio.lineage import graph_of, related
from services.studio.parts import studio_of


async def lineage(request: Request) -> Response:
    """Of a run, dataset, model or SHA-256 that the address names; without one of the newest runs."""
    session_of(request)
    studio, wanted, trouble = studio_of(request), request.query_params.get("of", "").strip()[:300], ""
    try:
        graph = graph_of(related(await studio.experiments.list(), wanted))
    except TrackerAway as error:
        graph, trouble = graph_of([]), str(error)
    shown = {"nodes": [asdict(node) for node in graph.nodes.values()], "edges": graph.edges}
    return studio.pages.render(
        request, "lineage.html", graph=shown, left_out=graph.left_out, wanted=wanted, trouble=trouble
    )
