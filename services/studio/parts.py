"""What requests are answered with, as the wiring made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from truscore.storage import Store

from services.studio.access.sessions import Sessions
from services.studio.drafts.journal import Journal
from services.studio.drafts.store import DraftStore
from services.studio.handlers import DeadLetters, Monitor, Requests, Searches
from services.studio.imports import Imports
from services.studio.insights import Insights
from services.studio.intake import Intake
from services.studio.publish.publishing import Publishing
from services.studio.reports.report_store import ReportStore
from services.studio.suggestions import Suggestions
from services.studio.watching.hub import Hub

if TYPE_CHECKING:
    from services.studio.pages.rendering import Pages


@dataclass(frozen=True, kw_only=True, slots=True)
class Studio:
    """One for the process; requests find it in the application's state."""

    sessions: Sessions
    drafts: DraftStore
    journal: Journal
    intake: Intake
    imports: Imports
    publishing: Publishing
    suggestions: Suggestions
    insights: Insights
    reports: ReportStore
    requests: Requests
    monitor: Monitor
    searches: Searches
    dead_letters: DeadLetters
    hub: Hub
    store: Store
    pages: Pages
    secure_cookie: bool
    runbook_url: str


def studio_of(connection: HTTPConnection) -> Studio:
    found: Studio = connection.app.state.studio
    return found
