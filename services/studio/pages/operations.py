"""Pages for those who keep the system running: alerts that stand, and messages that services gave up on."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.studio.access.roles import Role
from services.studio.api.requests import need, session_of
from services.studio.handlers import LettersAway, MonitorAway
from services.studio.parts import Studio, studio_of

SEVERITIES = ("critical", "warning")


async def alerts(request: Request) -> Response:
    """Alerts that stand, the worst first and those that nobody took note of before others, each with what to do."""
    may_acknowledge = session_of(request).role >= Role.OPERATOR
    studio, trouble = studio_of(request), ""
    try:
        found = await _standing(studio)
    except MonitorAway as error:
        found, trouble = [], str(error)
    return studio.pages.render(
        request,
        "alerts.html",
        alerts=found,
        trouble=trouble,
        runbook=studio.runbook_url,
        may_acknowledge=may_acknowledge,
    )


async def _standing(studio: Studio) -> list[dict[str, Any]]:
    found = [{**alert, "anchor": anchor_of(alert["rule"])} for alert in await studio.monitor.alerts()]
    return sorted(
        found,
        key=lambda each: (each["severity"] not in SEVERITIES[:1], bool(each["acknowledged_by"]), -each["raised_at"]),
    )


def anchor_of(rule: str) -> str:
    """Of the rule's section on the page Operations of the documentation."""
    return rule.replace(".", "").lower()


async def dead_letters(request: Request) -> Response:
    """For operators: to look takes the letters from their queues for as long."""
    need(request, Role.OPERATOR)
    studio, trouble = studio_of(request), ""
    letters: dict[str, list[dict[str, Any]]] = {}
    try:
        for letter in await studio.dead_letters.oldest():
            letters.setdefault(letter["service"], []).append(letter)
    except LettersAway as error:
        trouble = str(error)
    return studio.pages.render(request, "dead_letters.html", letters=letters, trouble=trouble)
