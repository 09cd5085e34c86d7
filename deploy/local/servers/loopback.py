"""One JSON request to a server on this machine. Knows HTTP; knows nothing of what it is for."""

import base64
import http.client
import json
from typing import Any

from deploy.local.servers.ports import LOOPBACK


class RequestRefused(RuntimeError):
    """The server answered with an error; carries its status."""

    def __init__(self, method: str, path: str, status: int, body: str) -> None:
        super().__init__(f"{method} {path} answered {status}: {body[:500]}")
        self.status = status


def request_json(
    port: int,
    method: str,
    path: str,
    *,
    body: object = None,
    login: tuple[str, str] | None = None,
    host: str = LOOPBACK,
    timeout_s: float = 30.0,
) -> Any:
    """The decoded answer, None when it is empty. Raises RequestRefused for a status of 400 and above, and OSError."""
    headers = {"content-type": "application/json"}
    if login is not None:
        headers["authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers)
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    finally:
        connection.close()
    if response.status >= 400:
        raise RequestRefused(method, path, response.status, text)
    return json.loads(text) if text.strip() else None
