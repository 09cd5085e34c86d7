"""Templates into pages. Every value is escaped; data for scripts goes into a block of JSON that no parser runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse

from services.studio.pages.modules import with_preloads

TEMPLATES: Final = Path(__file__).parents[1] / "templates"


class Pages:
    """Renders by name."""

    def __init__(self) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["data"] = as_data
        self._environment.filters["when"] = _when
        self._environment.filters["words"] = lambda name: str(name).replace("_", " ")

    def render(self, connection: HTTPConnection, name: str, /, *, status: int = 200, **values: Any) -> HTMLResponse:
        session = connection.scope.get("session")
        html = self._environment.get_template(name).render(session=session, path=connection.url.path, **values)
        return HTMLResponse(with_preloads(html), status)


def as_data(value: Any) -> Markup:
    """JSON for `<script type="application/json">`: no character that could end the block is left in it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704  nothing of HTML is left in it


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC") if seconds else ""
