"""What requests are answered with, as the wiring made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from services.studio.access.sessions import Sessions
from services.studio.drafts.journal import Journal
from services.studio.drafts.store import DraftStore
from services.studio.intake import Intake

if TYPE_CHECKING:
    from services.studio.pages.rendering import Pages


@dataclass(frozen=True, kw_only=True, slots=True)
class Studio:
    """One for the process; requests find it in the application's state."""

    sessions: Sessions
    drafts: DraftStore
    journal: Journal
    intake: Intake
    pages: Pages
    secure_cookie: bool


def studio_of(connection: HTTPConnection) -> Studio:
    found: Studio = connection.app.state.studio
    return found
