"""Dead letters: put back into their inboxes."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.studio.access.roles import Role
from services.studio.api.requests import body_of, need, texts
from services.studio.parts import studio_of


async def replay(request: Request) -> Response:
    """Puts the letters back with all their tries before them, once the request is on record."""
    session, body = need(request, Role.OPERATOR), await body_of(request)
    letters = studio_of(request).dead_letters
    count = await letters.replay(
        request.path_params["service"], frozenset(texts(body, "letters")), requested_by=session.name
    )
    return JSONResponse({"replayed": count})
