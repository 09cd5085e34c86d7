"""Pages about people: one's own password and tokens, and the accounts of all."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from services.studio.access.api_tokens import MOST_DAYS, ApiToken
from services.studio.access.passwords import LEAST_CHARS, MOST_CHARS
from services.studio.access.roles import Role
from services.studio.api.requests import need, session_of
from services.studio.parts import studio_of

TOKEN_DAYS = 90
ROLES = {
    Role.READER: "looks at everything",
    Role.ANNOTATOR: "also edits datasets and marks",
    Role.OPERATOR: "also publishes, trains and steers runs",
    Role.ADMIN: "also removes datasets and manages accounts",
}


async def login(request: Request, *, refusal: str = "") -> Response:
    """Every way that is set up; `refusal` of one that was tried, in words."""
    studio = studio_of(request)
    return studio.pages.render(
        request,
        "login.html",
        status=403 if refusal else 200,
        provider=studio.oidc_name,
        has_accounts=bool(await asyncio.to_thread(studio.accounts.list)),
        refusal=refusal,
    )


async def account(request: Request) -> Response:
    """Of whoever is logged in."""
    session, studio = session_of(request), studio_of(request)
    found = await asyncio.to_thread(studio.accounts.find, session.name)
    return studio.pages.render(
        request,
        "account.html",
        account=found,
        can_set_password=found is not None and session.way in ("link", "password"),
        least_chars=LEAST_CHARS,
        most_chars=MOST_CHARS,
        roles={role: words for role, words in ROLES.items() if role <= session.role},
        tokens=[_shown(each) for each in await asyncio.to_thread(studio.tokens.list, session.name)],
        days=TOKEN_DAYS,
        most_days=MOST_DAYS,
    )


async def accounts(request: Request) -> Response:
    """Of all, for admins."""
    session, studio = need(request, Role.ADMIN), studio_of(request)
    return studio.pages.render(
        request,
        "accounts.html",
        accounts=await asyncio.to_thread(studio.accounts.list),
        tokens=[_shown(each) for each in await asyncio.to_thread(studio.tokens.list)],
        roles=ROLES,
        own=session.name.casefold(),
    )


def _shown(token: ApiToken) -> dict[str, object]:
    return {
        "token_id": token.token_id, "owner": token.owner, "role": token.role.name.lower(), "label": token.label,
        "created": token.created, "expires": token.expires, "used": token.used,
    }  # fmt: skip
