"""Pages about searches for hyper-parameters."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from services.studio.api.requests import session_of
from services.studio.handlers import SearchesAway
from services.studio.parts import studio_of


async def searches(request: Request) -> Response:
    session_of(request)
    studio, trouble = studio_of(request), ""
    try:
        found = await studio.searches.list()
    except SearchesAway as error:
        found, trouble = (), str(error)
    return studio.pages.render(request, "searches.html", searches=found, trouble=trouble)


async def search(request: Request) -> Response:
    """One search with its trials."""
    session_of(request)
    studio = studio_of(request)
    found = await studio.searches.get(request.path_params["search_id"])
    best = [trial["number"] for trial in found["best"]]
    keys = found["parameters"] or sorted({key for trial in found["trials"] for key in trial["parameters"]})
    return studio.pages.render(request, "search.html", search=found, best=best, keys=keys)
