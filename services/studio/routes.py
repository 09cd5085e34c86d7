"""Which address is answered by what."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from truscore.bus import BusUnavailable, Unroutable
from truscore.ordering.messages import InvalidOrder
from truscore.storage import NoSpace, StoreError

from services.studio.access.accounts import InvalidAccount
from services.studio.access.api_tokens import InvalidToken
from services.studio.access.passwords import WeakPassword
from services.studio.api import (
    accounts,
    agreement,
    beginnings,
    documents,
    findings,
    imports,
    insights,
    live,
    login,
    maps,
    oidc,
    reports,
    suggestions,
    uploads,
    versions,
)
from services.studio.api import alerts as alerts_api
from services.studio.api import datasets as datasets_api
from services.studio.api import dead_letters as dead_letters_api
from services.studio.api import runs as runs_api
from services.studio.api.requests import broke, database_away, disk_full, http_error, not_found, refused
from services.studio.child.whole_process import ChildFailed
from services.studio.database import DatabaseAway, DatabaseFull, Unstorable
from services.studio.drafts.dataset import InvalidDraft
from services.studio.drafts.document import InvalidOperations
from services.studio.drafts.store import UnknownDraft
from services.studio.handlers import LettersAway, LettersRefused, MonitorAway, RunUnknown, SearchesAway, SearchUnknown
from services.studio.pages import accounts as account_pages
from services.studio.pages import datasets as dataset_pages
from services.studio.pages import lineage as lineage_pages
from services.studio.pages import operations as operation_pages
from services.studio.pages import runs as run_pages
from services.studio.pages import searches as search_pages
from services.studio.parts import Studio
from services.studio.reports.report_store import ReportMissing

WEB: Final = Path(__file__).with_name("web")
_DATASET: Final = "/api/datasets/{dataset_id}"
_IMAGE: Final = _DATASET + "/images/{image_id:int}"


async def healthz(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


def routes() -> list[BaseRoute]:
    return [
        Route("/healthz", healthz),
        Mount("/web", StaticFiles(directory=WEB)),
        Route("/login", account_pages.login),
        Route(oidc.PATH, oidc.begin),
        Route(oidc.CALLBACK, oidc.callback),
        Route("/api/login", login.log_in, methods=["POST"]),
        Route("/api/login/password", login.log_in_by_password, methods=["POST"]),
        Route("/api/logout", login.log_out, methods=["POST"]),
        Route("/account", account_pages.account),
        Route("/api/account/password", accounts.set_password, methods=["POST"]),
        Route("/api/account/tokens", accounts.make_token, methods=["POST"]),
        Route("/api/account/tokens/{token_id}", accounts.revoke_token, methods=["DELETE"]),
        Route("/accounts", account_pages.accounts),
        Route("/api/accounts", accounts.add, methods=["POST"]),
        Route("/api/accounts/{name}", accounts.change, methods=["PATCH"]),
        Route("/api/accounts/{name}", accounts.remove, methods=["DELETE"]),
        Route("/api/accounts/{name}/link", accounts.make_link, methods=["POST"]),
        Route("/", dataset_pages.datasets),
        Route("/datasets/new", dataset_pages.new_dataset),
        Route("/datasets/{dataset_id}", dataset_pages.dataset),
        Route("/datasets/{dataset_id}/data", dataset_pages.data),
        Route("/datasets/{dataset_id}/annotate", dataset_pages.annotate),
        Route("/datasets/{dataset_id}/annotate/{image_id:int}", dataset_pages.annotate),
        Route("/api/datasets", datasets_api.create, methods=["POST"]),
        Route("/api/datasets", datasets_api.list_all),
        Route(_DATASET, datasets_api.change, methods=["PATCH"]),
        Route(_DATASET, datasets_api.remove, methods=["DELETE"]),
        Route(f"{_DATASET}/images", datasets_api.add_image, methods=["PUT"]),
        Route(f"{_DATASET}/images", datasets_api.list_images),
        Route(_IMAGE, datasets_api.remove_image, methods=["DELETE"]),
        Route(f"{_IMAGE}/document", documents.open_document),
        Route(f"{_IMAGE}/operations", documents.save_operations, methods=["POST"]),
        Route(f"{_IMAGE}/operations", documents.operations_since),
        Route(f"{_IMAGE}/findings", findings.find, methods=["POST"]),
        Route(f"{_IMAGE}/agreement", agreement.of_image),
        Route(f"{_IMAGE}/reading", agreement.reading),
        Route(f"{_DATASET}/agreement", agreement.of_dataset),
        Route(f"{_IMAGE}/suggestions", suggestions.suggest, methods=["POST"]),
        Route(f"{_DATASET}/numbers", insights.numbers),
        Route(f"{_DATASET}/augmentation.png", insights.augmentation),
        Route(f"{_DATASET}/map", maps.step, methods=["POST"]),
        Route(f"{_DATASET}/models", suggestions.models),
        Route(f"{_IMAGE}/opening", documents.open_image),
        Route(f"{_IMAGE}/tiles/{{level:int}}/{{column:int}}/{{row:int}}.jpg", datasets_api.tile),
        Route(f"{_IMAGE}/{{size}}.jpg", datasets_api.picture),
        Route(f"{_DATASET}/uploads/{{upload_id}}", uploads.offset),
        Route(f"{_DATASET}/uploads/{{upload_id}}", uploads.append, methods=["PATCH"]),
        Route(f"{_DATASET}/uploads/{{upload_id}}", uploads.complete, methods=["POST"]),
        Route(f"{_DATASET}/imports/{{import_id}}", imports.received),
        Route(f"{_DATASET}/imports/{{import_id}}", imports.add_file, methods=["PUT"]),
        Route(f"{_DATASET}/imports/{{import_id}}", imports.read, methods=["POST"]),
        Route(f"{_DATASET}/versions", versions.publish, methods=["POST"]),
        Route(f"{_DATASET}/changes", versions.changes),
        Route(f"{_DATASET}/versions/{{version}}", versions.show),
        Route("/datasets/{dataset_id}/train/{version}", run_pages.train),
        Route(f"{_DATASET}/suggestion", beginnings.suggestion),
        Route(f"{_DATASET}/templates/{{name}}", beginnings.template),
        Route(f"{_DATASET}/configurations/{{run_id}}", beginnings.of_run),
        Route("/runs", run_pages.runs),
        Route("/runs/{reference:path}", run_pages.run),
        Route("/models", run_pages.models),
        Route("/lineage", lineage_pages.lineage),
        Route("/alerts", operation_pages.alerts),
        Route("/api/alerts/{alert_id}/acknowledge", alerts_api.acknowledge, methods=["POST"]),
        Route("/dead-letters", operation_pages.dead_letters),
        Route("/api/dead-letters/{service}/replay", dead_letters_api.replay, methods=["POST"]),
        Route("/searches", search_pages.searches),
        Route("/searches/{search_id}", search_pages.search),
        Route("/api/training", runs_api.train, methods=["POST"]),
        Route("/api/runs/{run_id}/artifacts/{name}", runs_api.artifact),
        Route("/api/runs/{run_id}/curves", runs_api.curves),
        Route("/api/runs/{run_id}/hardware", runs_api.hardware),
        Route("/api/runs/{run_id}/report", reports.report),
        Route("/api/runs/{run_id}/report/{name}", reports.picture),
        Route("/api/compare", reports.compare),
        Route("/compare", run_pages.compare),
        Route("/api/runs/{run_id}/{verb}", runs_api.steer, methods=["POST"]),
        WebSocketRoute("/api/live", live.live),
    ]


def application(studio: Studio) -> Starlette:
    """The application behind the guard."""
    made = Starlette(
        routes=routes(),
        exception_handlers={
            HTTPException: http_error,
            InvalidAccount: refused,
            InvalidToken: refused,
            WeakPassword: refused,
            InvalidDraft: refused,
            InvalidOperations: refused,
            InvalidOrder: refused,
            ChildFailed: refused,
            LettersRefused: refused,
            UnknownDraft: not_found,
            RunUnknown: not_found,
            SearchUnknown: not_found,
            ReportMissing: not_found,
            MonitorAway: runs_api.away,
            LettersAway: runs_api.away,
            SearchesAway: runs_api.away,
            StoreError: runs_api.away,
            NoSpace: disk_full,
            OSError: disk_full,
            DatabaseFull: disk_full,
            DatabaseAway: database_away,
            Unstorable: refused,
            BusUnavailable: runs_api.away,
            Unroutable: runs_api.away,
            500: broke,
        },
    )
    made.state.studio = studio
    return made
