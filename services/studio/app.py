"""Wiring of the studio: drafts in SQLite, a decoding child, pages and calls behind the guard."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp
from truscore.bus import Publisher, canary, connect, publisher, serve
from truscore.storage import S3Store, Store
from truscore.telemetry import configure_logging, serve_grpc, serve_metrics, tracing

from services.studio.access import Guard, Role, Sessions
from services.studio.access.roles import role_named
from services.studio.child.decoder import Decoder
from services.studio.child.line_child import LineChild
from services.studio.database import Database
from services.studio.drafts.files import Files
from services.studio.drafts.journal import Journal
from services.studio.drafts.store import DraftStore
from services.studio.handlers import DeadLetters, Monitor, Requests, Searches
from services.studio.http_server import serve_http
from services.studio.imports import Imports
from services.studio.insights import Insights
from services.studio.intake import Bounds, Intake
from services.studio.pages.rendering import Pages
from services.studio.parts import Studio
from services.studio.publish.contents import VersionContents
from services.studio.publish.publishing import ChildBounds, Publishing
from services.studio.reports.report_store import ReportStore
from services.studio.routes import application
from services.studio.settings import Settings
from services.studio.suggestions import MODULE, Suggestions
from services.studio.watching.hub import Hub

SERVICE = "studio"
DATABASE = "studio.sqlite"


def create_studio(
    settings: Settings, database: Database, decoder: Decoder, *, store: Store, events: Publisher
) -> Studio:
    """Everything that requests are answered with."""
    files = Files(root=settings.studio_workdir.resolve())
    drafts = DraftStore(database, clock=time.time, most_images=settings.studio_dataset_images)
    bounds = Bounds(
        image_bytes=settings.studio_image_bytes,
        image_pixels=settings.studio_image_pixels,
        decode_timeout_s=settings.studio_decode_timeout_s,
    )
    requests, monitor = Requests(events), Monitor(settings.monitor_address)
    child = ChildBounds(timeout_s=settings.studio_read_timeout_s, memory_bytes=settings.studio_memory_bytes)
    intake = Intake(files=files, drafts=drafts, decoder=decoder, bounds=bounds)
    return Studio(
        sessions=create_sessions(settings, database),
        drafts=drafts,
        journal=Journal(database, clock=time.time),
        intake=intake,
        imports=Imports(intake=intake, drafts=drafts, bounds=child),
        publishing=Publishing(
            drafts=drafts,
            contents=VersionContents(database),
            files=files,
            store=store,
            bucket=settings.bucket,
            announce=requests.announce,
            bounds=child,
        ),
        suggestions=Suggestions(
            drafts=drafts,
            files=files,
            store=store,
            runs=monitor,
            child=LineChild(
                MODULE, timeout_s=settings.studio_suggest_timeout_s, memory_bytes=settings.studio_memory_bytes
            ),
        ),
        insights=Insights(drafts=drafts, files=files, bounds=child),
        reports=ReportStore(store, settings.bucket),
        requests=requests,
        monitor=monitor,
        searches=Searches(settings.search_address),
        dead_letters=DeadLetters(operator_url(settings), requests.replay),
        hub=Hub(monitor.watch),
        store=store,
        pages=Pages(),
        secure_cookie=settings.studio_secure_cookie,
        runbook_url=settings.studio_runbook_url,
    )


def operator_url(settings: Settings) -> str:
    """The broker, as a user that may read dead letters and put them back."""
    return settings.studio_operator_amqp_url.get_secret_value() or settings.amqp_url.get_secret_value()


def create_sessions(settings: Settings, database: Database) -> Sessions:
    return Sessions(database, clock=time.time, session_s=settings.studio_session_hours * 3600)


def guarded(settings: Settings, studio: Studio) -> ASGIApp:
    return Guard(application(studio), sessions=studio.sessions, hosts=settings.studio_hosts)


async def run(settings: Settings) -> int:
    """Serve until stopped; returns the exit code."""
    configure_logging(SERVICE, level=settings.log_level, json=settings.log_json)
    broker = connect(settings.amqp_url.get_secret_value(), service=SERVICE)
    database = Database(settings.studio_workdir / DATABASE)
    decoder = Decoder(timeout_s=settings.studio_decode_timeout_s, memory_bytes=settings.studio_memory_bytes)
    store = S3Store(
        settings.s3_endpoint,
        settings.s3_access_key.get_secret_value(),
        settings.s3_secret_key.get_secret_value(),
        buckets=settings.buckets,
    )
    studio = create_studio(settings, database, decoder, store=store, events=publisher(broker, service=SERVICE))
    alive, host = canary(broker, service=SERVICE).alive, settings.studio_host
    return await serve(
        broker,
        before=[
            tracing(SERVICE, settings.otlp_endpoint),
            _closing(studio, database, decoder),
            serve_http(guarded(settings, studio), host, settings.studio_port),
            serve_grpc(host, settings.studio_grpc_port, servicers=[], alive=alive, tls=settings),
            serve_metrics(host, settings.studio_metrics_port),
        ],
    )


@asynccontextmanager
async def _closing(studio: Studio, database: Database, decoder: Decoder) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await studio.publishing.close()
        await studio.suggestions.close()
        await studio.monitor.close()
        await studio.searches.close()
        await decoder.close()
        database.close()


def login_link(settings: Settings, *, name: str, role: Role) -> str:
    """A link that logs in once, within a day. The token is behind the #: it is in no log of a server."""
    database = Database(settings.studio_workdir / DATABASE)
    try:
        token = create_sessions(settings, database).make_login_token(name=name, role=role)
    finally:
        database.close()
    url = settings.studio_url or f"http://{settings.studio_host}:{settings.studio_port}"
    return f"{url.rstrip('/')}/login#{token}"


def main() -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="python -m services.studio")
    parser.add_argument("command", nargs="?", choices=["login-link"], help="print a link that logs in once")
    parser.add_argument("--name", default="admin", help="who it is for")
    parser.add_argument("--role", default="admin", type=role_named, help="reader, annotator, operator or admin")
    given = parser.parse_args()
    settings = Settings()
    if given.command:
        sys.stdout.write(login_link(settings, name=given.name, role=given.role) + "\n")
        sys.exit(0)
    sys.exit(asyncio.run(run(settings)))
