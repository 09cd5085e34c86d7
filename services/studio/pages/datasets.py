"""Pages about drafts of datasets."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from truscore.catalog import EXPERIMENTAL, categories, options

from services.studio.access.roles import Role
from services.studio.api.requests import session_of
from services.studio.drafts.dataset import Draft, default_classes, suggestions
from services.studio.drafts.store import UnknownDraft
from services.studio.maps import methods
from services.studio.parts import studio_of
from services.studio.publish.publishing import FORMATS

WHAT: dict[str, str] = {
    "boxes": "mark each object with a box or an outline",
    "masks": "outline each damage",
    "grade": "give each image one grade",
    "scores": "give each image its scores",
    "labels": "give each image the labels that apply",
}
NOTHING = "nothing of it is drawn here: import what is annotated elsewhere"


def what_of(learns_from: str) -> str:
    """What is to be done with each image."""
    return WHAT.get(learns_from, NOTHING)


async def datasets(request: Request) -> Response:
    session_of(request)
    studio, wanted = studio_of(request), request.query_params.get("q", "").strip()
    listed = await asyncio.to_thread(studio.drafts.list)
    found = [each for each in listed if wanted.casefold() in _searched(each.draft)]
    return studio.pages.render(request, "datasets.html", listed=found, total=len(listed), wanted=wanted)


def _searched(draft: Draft) -> str:
    return " ".join(
        str(getattr(draft, name)) for name in ("dataset_id", "category", "option", "class_names")
    ).casefold()


async def new_dataset(request: Request) -> Response:
    session_of(request)
    return studio_of(request).pages.render(request, "new_dataset.html", choices=_choices())


def _choices() -> list[dict[str, object]]:
    """Categories, their options and architectures, for the form."""
    return [
        {
            "category": category,
            "options": [
                {
                    "option": option,
                    "classes": default_classes(category, option),
                    "architectures": [
                        {**asdict(each), "what": what_of(each.learns_from)} for each in suggestions(category, option)
                    ],
                }
                for option in options(category)
            ],
        }
        for category in categories()
        if category != EXPERIMENTAL or options(category)
    ]


async def dataset(request: Request) -> Response:
    session = session_of(request)
    studio, dataset_id = studio_of(request), request.path_params["dataset_id"]
    draft = await asyncio.to_thread(studio.drafts.get, dataset_id)
    images = await asyncio.to_thread(studio.drafts.images, dataset_id)
    versions = await asyncio.to_thread(studio.drafts.versions, dataset_id)
    return studio.pages.render(
        request,
        "dataset.html",
        draft=draft,
        what=what_of(draft.learns_from),
        images=images,
        annotated=sum(image.annotated for image in images),
        versions=[asdict(version) for version in versions],
        formats=FORMATS,
        can_edit=session.role >= Role.ANNOTATOR,
        can_publish=session.role >= Role.OPERATOR,
        can_remove=session.role >= Role.ADMIN,
    )


async def data(request: Request) -> Response:
    """What is in a draft, and what a run would make of it."""
    session = session_of(request)
    studio, dataset_id = studio_of(request), request.path_params["dataset_id"]
    draft = await asyncio.to_thread(studio.drafts.get, dataset_id)
    versions = await asyncio.to_thread(studio.drafts.versions, dataset_id)
    # A map takes a core for a while: it is not for those who only look.
    can_map = session.role >= Role.ANNOTATOR and draft.learns_from in SUGGESTED
    about = {"dataset_id": dataset_id, "version": versions[0].version if versions else "", "can_map": can_map}
    return studio.pages.render(request, "data.html", draft=draft, about=about, map_methods=methods())


BORDERS = "border_detection"
POINT = ("point", "O", "Point")
BRUSHES = (("brush", "R", "Brush"), ("eraser", "E", "Eraser"))
TOOLS = {
    "boxes": (("quad", "Q", "Quadrilateral"), ("box", "B", "Box"), ("polygon", "P", "Polygon"), POINT),
    "masks": (("polygon", "P", "Polygon"), *BRUSHES, ("quad", "Q", "Quadrilateral"), ("box", "B", "Box"), POINT),
}


# What a model can say of one image.
SUGGESTED = frozenset({"boxes", "masks", "grade", "scores", "labels"})


async def annotate(request: Request) -> Response:
    """The page of one image; without its id that of the first that has nothing on it yet."""
    session = session_of(request)
    studio, dataset_id = studio_of(request), request.path_params["dataset_id"]
    draft = await asyncio.to_thread(studio.drafts.get, dataset_id)
    images = await asyncio.to_thread(studio.drafts.images, dataset_id)
    image_id = request.path_params.get("image_id")
    own = "?own=yes" if request.query_params.get("own") == "yes" and session.role >= Role.ANNOTATOR else ""
    if image_id is None:
        if not images:
            return RedirectResponse(f"/datasets/{quote(dataset_id)}", 303)
        first = next((each for each in images if not each.annotated), images[0])
        return RedirectResponse(f"/datasets/{quote(dataset_id)}/annotate/{first.image_id}{own}", 303)
    current = next((each for each in images if each.image_id == image_id), None)
    if current is None:
        raise UnknownDraft(f"dataset {dataset_id!r} has no image {image_id}")
    tools = TOOLS.get(draft.learns_from, ())
    if draft.learns_from == "boxes" and draft.category != BORDERS:
        tools = (*tools, *BRUSHES)
    about = {
        "dataset_id": dataset_id,
        "image_id": image_id,
        "image_ids": [each.image_id for each in images],
        "width": current.width,
        "height": current.height,
        "class_names": draft.class_names,
        "learns_from": draft.learns_from,
        "tools": [tool for tool, _, _ in tools],
        "can_edit": session.role >= Role.ANNOTATOR,
        "magnet": draft.category == BORDERS,
        # Who marks by themselves is shown nobody else's opinion, a model's neither.
        "own": own,
        "can_suggest": not own and session.role >= Role.ANNOTATOR and draft.learns_from in SUGGESTED,
    }
    return studio.pages.render(
        request,
        "annotate.html",
        draft=draft,
        images=images,
        current=current,
        number=images.index(current) + 1,
        learns_from=draft.learns_from,
        tools=(("select", "V", "Select"), *tools) if tools else (),
        about=about,
    )
