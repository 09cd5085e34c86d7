"""How far the clocks of servers are from this machine's, by the dates of their HTTP answers."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from services.cli.context import Addresses
from services.cli.doctor import TIMEOUT_S, Check

# A date of HTTP has whole seconds. S3 refuses requests that are a quarter of an hour off.
NOTED_S: Final = 5.0
GRAVE_S: Final = 300.0


def clocks(addresses: Addresses) -> Iterator[Check]:
    """One check for each server that speaks HTTP; what program it says it is, beside."""
    for name, url in (("store", addresses.s3_endpoint), ("mlflow", addresses.mlflow_url)):
        if urlsplit(url).scheme in {"http", "https"}:
            yield _clock(f"{name} clock", url)


def _clock(name: str, url: str) -> Check:
    before = time.time()
    try:
        headers = _headers(url)
        shown = parsedate_to_datetime(headers["Date"]).timestamp()
    except (OSError, TypeError, ValueError) as error:
        return Check(name=name, ok=False, found=f"{url} gives no date: {error!r}", grave=False)
    # Between both readings of our own clock the server's was that: the nearer end counts, and half of its second.
    after = time.time()
    apart = 0.0 if before - 1 <= shown <= after else min(shown + 0.5 - before, shown + 0.5 - after, key=abs)
    found = f"{apart:+.1f} s from ours ({headers.get('Server', 'a server without a name')})"
    todo = "keep clocks by NTP: signatures of requests and estimates of time left depend on them"
    return Check(name=name, ok=abs(apart) <= NOTED_S, found=found, todo=todo, grave=abs(apart) > GRAVE_S)


def _headers(url: str) -> Message:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310  its scheme is looked at above
            headers: Message = answer.headers
    except urllib.error.HTTPError as error:  # a refusal has a date, too
        headers = error.headers
    return headers
