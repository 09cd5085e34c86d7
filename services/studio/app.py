"""Wiring of the studio: drafts in a database, a decoding child, pages and calls behind the guard."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from starlette.types import ASGIApp
from truscore.access import nobody
from truscore.bus import Publisher, canary, connect, publisher, serve
from truscore.settings import CurrentToken
from truscore.storage import S3Store, Store, StoreError
from truscore.telemetry import configure_logging, serve_grpc, serve_metrics, tracing
from truscore.telemetry.grpc_tls import open_async_channel

from services.studio.access import Guard, Role, Sessions
from services.studio.access.accounts import Accounts
from services.studio.access.api_tokens import ApiTokens
from services.studio.access.oidc_logins import OidcLogins
from services.studio.access.oidc_options import OidcOptions, roles_from
from services.studio.access.passwords import Attempts, Passwords
from services.studio.access.roles import role_named
from services.studio.agreement.agreements import Agreements
from services.studio.agreement.comparisons import Comparisons
from services.studio.backup.restoring import RestoreRefused
from services.studio.backup.uploader import uploading
from services.studio.backup.wiring import create_uploader, listed_generations, restored
from services.studio.child.decoder import Decoder
from services.studio.child.line_child import LineChild
from services.studio.database import Database, DatabaseAway, open_database
from services.studio.database.address import InvalidAddress
from services.studio.database.sqlite import SqliteDatabase
from services.studio.drafts.edits import EDITS
from services.studio.drafts.files import Files
from services.studio.drafts.journal import Journal
from services.studio.drafts.readings import Readings
from services.studio.drafts.store import DraftStore
from services.studio.findings import LiveFindings
from services.studio.handlers import DeadLetters, Experiments, Monitor, Requests, Searches
from services.studio.http_server import serve_http
from services.studio.imports import Imports
from services.studio.insights import Insights
from services.studio.intake import Bounds, Intake
from services.studio.maps import ImageMaps
from services.studio.pages.rendering import Pages
from services.studio.partial_uploads import PartialUploads
from services.studio.parts import Studio
from services.studio.publish.contents import VersionContents
from services.studio.publish.publishing import ChildBounds, Publishing
from services.studio.publish.under_way import UnderWay
from services.studio.reports.report_store import ReportStore
from services.studio.routes import application
from services.studio.settings import Settings
from services.studio.suggestions import MODULE, Suggestions
from services.studio.watching.edits import EditHub
from services.studio.watching.hub import Hub

if TYPE_CHECKING:
    from services.studio.access.oidc import OidcProvider

log = logging.getLogger("truscore.studio")

SERVICE = "studio"
CHECKING = "services.studio.child.checking"
EMBEDDING = "services.studio.child.embedding"


def create_studio(
    settings: Settings, database: Database, decoder: Decoder, *, store: Store, events: Publisher
) -> Studio:
    """Everything that requests are answered with."""
    files = Files(root=settings.studio_workdir.resolve(), is_shared=database.is_shared)
    open_channel = partial(open_async_channel, token=CurrentToken(), plaintext_token=settings.grpc_plaintext_tokens)
    drafts = DraftStore(database, clock=time.time, most_images=settings.studio_dataset_images)
    bounds = Bounds(
        image_bytes=settings.studio_image_bytes,
        image_pixels=settings.studio_image_pixels,
        decode_timeout_s=settings.studio_decode_timeout_s,
    )
    requests, monitor = Requests(events), Monitor(settings.monitor_address, open_channel)
    child = ChildBounds(timeout_s=settings.studio_read_timeout_s, memory_bytes=settings.studio_memory_bytes)
    intake = Intake(files=files, drafts=drafts, decoder=decoder, bounds=bounds)
    journal, readings = Journal(database, clock=time.time), Readings(database, clock=time.time)
    checking = LineChild(CHECKING, timeout_s=settings.studio_check_timeout_s, memory_bytes=settings.studio_memory_bytes)

    def running(module: str) -> LineChild:
        """A child that runs models."""
        return LineChild(module, timeout_s=settings.studio_suggest_timeout_s, memory_bytes=settings.studio_memory_bytes)

    suggestions = Suggestions(drafts=drafts, files=files, store=store, runs=monitor, child=running(MODULE))
    return Studio(
        sessions=create_sessions(settings, database),
        accounts=Accounts(database, clock=time.time),
        passwords=Passwords(),
        attempts=Attempts(time.monotonic),
        tokens=ApiTokens(database, clock=time.time),
        drafts=drafts,
        journal=journal,
        intake=intake,
        imports=Imports(intake=intake, drafts=drafts, bounds=child),
        uploads=PartialUploads(files, most_bytes=bounds.image_bytes),
        publishing=Publishing(
            drafts=drafts,
            contents=VersionContents(database),
            under_way=UnderWay(database, clock=time.time),
            files=files,
            store=store,
            bucket=settings.bucket,
            announce=requests.announce,
            bounds=child,
        ),
        suggestions=suggestions,
        maps=ImageMaps(drafts=drafts, files=files, suggestions=suggestions, child=running(EMBEDDING)),
        findings=LiveFindings(
            drafts=drafts, files=files, child=checking, bounds=bounds, policies=settings.studio_policies
        ),
        readings=readings,
        agreements=Agreements(
            drafts=drafts,
            journal=journal,
            readings=readings,
            comparisons=Comparisons(database, checking),
            least_overlap=settings.studio_agreement_iou,
        ),
        checking=checking,
        insights=Insights(drafts=drafts, files=files, bounds=child),
        reports=ReportStore(store, settings.bucket),
        requests=requests,
        monitor=monitor,
        searches=Searches(settings.search_address, open_channel),
        experiments=Experiments(settings.tracker_address, open_channel),
        dead_letters=DeadLetters(operator_url(settings), requests.replay),
        hub=Hub(monitor.watch),
        edits=EditHub(),
        store=store,
        pages=Pages(),
        secure_cookie=settings.studio_secure_cookie,
        url=settings.studio_url,
        oidc=create_oidc(settings, database),
        oidc_name=settings.studio_oidc_name if settings.studio_oidc_issuer else "",
        runbook_url=settings.studio_runbook_url,
    )


def operator_url(settings: Settings) -> str:
    """The broker, as a user that may read dead letters and put them back."""
    return settings.studio_operator_amqp_url.get_secret_value() or settings.amqp_url.get_secret_value()


def create_database(settings: Settings) -> Database:
    """Raises InvalidAddress."""
    return open_database(settings.studio_storage_url.get_secret_value(), settings.studio_workdir)


def create_sessions(settings: Settings, database: Database) -> Sessions:
    return Sessions(database, clock=time.time, session_s=settings.studio_session_hours * 3600)


def create_oidc(settings: Settings, database: Database) -> OidcProvider | None:
    """Raises ValueError where what is set can't be followed."""
    if not settings.studio_oidc_issuer:
        return None
    from truscore.access.loopback import is_private_url

    from services.studio.access.oidc import OidcProvider

    if not is_private_url(settings.studio_oidc_issuer):
        raise ValueError(f"TRUSCORE_STUDIO_OIDC_ISSUER is {settings.studio_oidc_issuer!r}; accepted: an https address")
    options = OidcOptions(
        issuer=settings.studio_oidc_issuer,
        client_id=settings.studio_oidc_client_id,
        client_secret=settings.studio_oidc_client_secret.get_secret_value(),
        scope=settings.studio_oidc_scope,
        name_claim=settings.studio_oidc_name_claim,
        role_claim=settings.studio_oidc_role_claim,
        roles=roles_from(settings.studio_oidc_roles),
        default_role=role_named(settings.studio_oidc_default_role) if settings.studio_oidc_default_role else None,
    )
    return OidcProvider(options, OidcLogins(database, clock=time.time))


def guarded(settings: Settings, studio: Studio) -> ASGIApp:
    return Guard(application(studio), sessions=studio.sessions, tokens=studio.tokens, hosts=settings.studio_hosts)


async def run(settings: Settings) -> int:
    """Serve until stopped; returns the exit code."""
    configure_logging(SERVICE, level=settings.log_level, json=settings.log_json)
    broker = connect(settings.amqp_url.get_secret_value(), service=SERVICE)
    database = create_database(settings)
    decoder = Decoder(timeout_s=settings.studio_decode_timeout_s, memory_bytes=settings.studio_memory_bytes)
    store = S3Store.of(settings)
    studio = create_studio(settings, database, decoder, store=store, events=publisher(broker, service=SERVICE))
    alive, host = canary(broker, service=SERVICE).alive, settings.studio_host
    return await serve(
        broker,
        before=[
            tracing(SERVICE, settings.otlp_endpoint),
            _closing(studio, database, decoder),
            uploading_of(settings, database, store),
            database.listening(EDITS, studio.edits.hear),
            studio.publishing.giving_up(),
            serve_http(guarded(settings, studio), host, settings.studio_port),
            serve_grpc(host, settings.studio_grpc_port, access=nobody(), alive=alive, tls=settings),
            serve_metrics(host, settings.studio_metrics_port),
        ],
    )


def uploading_of(settings: Settings, database: Database, store: Store) -> AbstractAsyncContextManager[None]:
    """Of what changed in a SQLite file; a PostgreSQL server has backups of its own."""
    if not isinstance(database, SqliteDatabase):
        log.info("drafts lie in PostgreSQL, and so does their backup: nothing is uploaded to the store")
        return nullcontext()
    files = Files(root=settings.studio_workdir.resolve())
    return uploading(
        create_uploader(database, files, store, settings.bucket),
        every_s=settings.studio_upload_s,
    )


@asynccontextmanager
async def _closing(studio: Studio, database: Database, decoder: Decoder) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await studio.publishing.close()
        if studio.oidc is not None:
            await studio.oidc.close()
        await studio.suggestions.close()
        await studio.maps.close()
        await studio.checking.close()
        await studio.monitor.close()
        await studio.searches.close()
        await studio.experiments.close()
        await decoder.close()
        database.close()


def login_link(settings: Settings, *, name: str, role: Role) -> str:
    """A link that logs in once, within a day. The token is behind the #: it is in no log of a server."""
    database = create_database(settings)
    try:
        token = create_sessions(settings, database).make_login_token(name=name, role=role)
    finally:
        database.close()
    url = settings.studio_url or f"http://{settings.studio_host}:{settings.studio_port}"
    return f"{url.rstrip('/')}/login#{token}"


def bring_back(settings: Settings, *, generation: str, only_list: bool) -> str:
    """What `restore` prints. Raises RestoreRefused and StoreError."""
    store = S3Store.of(settings)
    if only_list:
        return listed_generations(store, settings.bucket)
    database = create_database(settings)
    try:
        if not isinstance(database, SqliteDatabase):
            raise RestoreRefused("drafts lie in PostgreSQL, whose own backup brings them back")
        files = Files(root=settings.studio_workdir.resolve())
        return restored(database, files, store, settings.bucket, generation=generation)
    finally:
        database.close()


def main() -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="python -m services.studio")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", help="without one the studio serves")
    link = commands.add_parser("login-link", help="print a link that logs in once")
    link.add_argument("--name", default="admin", help="who it is for")
    link.add_argument("--role", default="admin", type=role_named, help="reader, annotator, operator or admin")
    back = commands.add_parser("restore", help="bring drafts back from the store into an empty working folder")
    back.add_argument("--generation", default="", help="one of `restore --list`; the newest complete one without it")
    back.add_argument("--list", action="store_true", help="print the generations in the store")
    given = parser.parse_args()
    settings = Settings()
    try:
        said = _done(given, settings)
    except DatabaseAway as error:
        sys.exit(f"the studio's database does not answer: {error.reason}")
    except InvalidAddress as error:
        sys.exit(str(error))
    if isinstance(said, int):
        sys.exit(said)
    sys.stdout.write(f"{said}\n")


def _done(given: argparse.Namespace, settings: Settings) -> str | int:
    """What is printed, or the exit code of a studio that has served."""
    match given.command:
        case "login-link":
            return login_link(settings, name=given.name, role=given.role)
        case "restore":
            try:
                return bring_back(settings, generation=given.generation, only_list=given.list)
            except (RestoreRefused, StoreError) as error:
                sys.exit(f"nothing was restored: {error}")
        case _:
            return asyncio.run(run(settings))
