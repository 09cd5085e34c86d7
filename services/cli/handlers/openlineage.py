"""Sends run events to a server of OpenLineage's HTTP interface, for example Marquez.

Address and bearer token are those of OpenLineage's own clients
(https://openlineage.io/docs/client/python/configuration).
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from services.cli.context import CliError, Code

ENDPOINT: Final = "api/v1/lineage"
TIMEOUT_S: Final = 10.0
ANSWER_BYTES: Final = 1000


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A token is for the address that was given."""

    def redirect_request(self, *_: Any) -> None:
        return None


def send(events: Sequence[Mapping[str, Any]], url: str, *, token: str) -> None:
    """One request for each event, in order. CliError with what the server said of the first that it did not take."""
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise CliError(Code.USAGE, f"{url!r} is no address of an OpenLineage server: expected http:// or https://")
    opener = urllib.request.build_opener(_NoRedirects)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    for number, event in enumerate(events):
        request = urllib.request.Request(  # noqa: S310  the scheme is checked above
            f"{url.rstrip('/')}/{ENDPOINT}", data=json.dumps(event).encode(), headers=headers, method="POST"
        )
        try:
            with opener.open(request, timeout=TIMEOUT_S) as answer:
                answer.read(ANSWER_BYTES)
        except urllib.error.HTTPError as error:
            said = error.read(ANSWER_BYTES).decode(errors="replace").strip()
            words = f"{url} took {number} of {len(events)} run events, then answered {error.code} {error.reason}"
            raise CliError(Code.REJECTED, f"{words}: {said}" if said else words) from None
        except OSError as error:
            raise CliError(Code.UNREACHABLE, f"{url} does not answer: {error}") from None
