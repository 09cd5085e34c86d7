"""What requests are answered with, as the wiring made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from truscore.storage import Store

from services.studio.access.accounts import Accounts
from services.studio.access.api_tokens import ApiTokens
from services.studio.access.passwords import Attempts, Passwords
from services.studio.access.sessions import Sessions
from services.studio.agreement.agreements import Agreements
from services.studio.child.line_child import LineChild
from services.studio.drafts.journal import Journal
from services.studio.drafts.readings import Readings
from services.studio.drafts.store import DraftStore
from services.studio.findings import LiveFindings
from services.studio.handlers import DeadLetters, Experiments, Monitor, Requests, Searches
from services.studio.imports import Imports
from services.studio.insights import Insights
from services.studio.intake import Intake
from services.studio.maps import ImageMaps
from services.studio.partial_uploads import PartialUploads
from services.studio.publish.publishing import Publishing
from services.studio.reports.report_store import ReportStore
from services.studio.suggestions import Suggestions
from services.studio.watching.edits import EditHub
from services.studio.watching.hub import Hub

if TYPE_CHECKING:
    from services.studio.access.oidc import OidcProvider
    from services.studio.pages.rendering import Pages


@dataclass(frozen=True, kw_only=True, slots=True)
class Studio:
    """One for the process; requests find it in the application's state."""

    sessions: Sessions
    accounts: Accounts
    passwords: Passwords
    attempts: Attempts
    tokens: ApiTokens
    drafts: DraftStore
    journal: Journal
    intake: Intake
    imports: Imports
    uploads: PartialUploads
    publishing: Publishing
    suggestions: Suggestions
    findings: LiveFindings
    readings: Readings
    agreements: Agreements
    checking: LineChild
    insights: Insights
    maps: ImageMaps
    reports: ReportStore
    requests: Requests
    monitor: Monitor
    searches: Searches
    experiments: Experiments
    dead_letters: DeadLetters
    hub: Hub
    edits: EditHub
    store: Store
    pages: Pages
    secure_cookie: bool
    url: str  # that browsers use; empty where it is the address that they came to
    oidc: OidcProvider | None
    oidc_name: str  # of the provider, for the button; empty for none
    runbook_url: str


def studio_of(connection: HTTPConnection) -> Studio:
    found: Studio = connection.app.state.studio
    return found
