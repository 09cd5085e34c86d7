"""Alerts: taken note of by an operator."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.studio.access.roles import Role
from services.studio.api.requests import body_of, need, text
from services.studio.parts import studio_of


async def acknowledge(request: Request) -> Response:
    """Says for everybody who took note, and what of; the monitor refuses what does not stand."""
    session, body = need(request, Role.OPERATOR), await body_of(request)
    silence_s = body.get("silence_s", 0)
    if isinstance(silence_s, bool) or not isinstance(silence_s, int | float):
        raise HTTPException(400, f"silence_s is {silence_s!r:.60}; accepted: seconds")
    alert = await studio_of(request).monitor.acknowledge(
        request.path_params["alert_id"], by=session.name, note=text(body, "note"), silence_s=float(silence_s)
    )
    return JSONResponse(alert)
