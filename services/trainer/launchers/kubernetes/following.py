"""Objects of the API as they change: listed, then watched from there, and listed anew where the watch can't go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import structlog
from lightkube import ApiError, AsyncClient

log = structlog.get_logger(__name__)
GONE, TOO_MANY_REQUESTS = 410, 429
WATCH_S = 240  # the server ends a watch after so long, and it is begun anew
SILENCE_S = 300.0  # a connection that died without a word is noticed by then
PAUSES_S = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
LONGEST_PAUSE_S = 120.0


class ApiRefuses(Exception):
    """The API refuses a request for good: our account may not, or what we sent is wrong."""


def code_of(error: Exception) -> int:
    """The HTTP status, also where it came in a watch; 0 for none."""
    if isinstance(error, ApiError) and error.status is not None and error.status.code:
        return int(error.status.code)
    return error.response.status_code if isinstance(error, httpx2.HTTPStatusError) and error.response else 0


def pause_after(error: Exception, tries: int) -> float:
    """Seconds to wait before try ``tries`` + 1: what the server asks for, else longer each time."""
    pause_s = PAUSES_S[min(tries, len(PAUSES_S) - 1)]
    response = getattr(error, "response", None)
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    return min(max(pause_s, float(asked)) if asked.isdecimal() else pause_s, LONGEST_PAUSE_S)


def passes(error: Exception) -> bool:
    """Whether the same request may be answered later."""
    code = code_of(error)
    return isinstance(error, httpx2.HTTPError) and (code == 0 or code >= 500 or code in {408, GONE, TOO_MANY_REQUESTS})


@dataclass(frozen=True, kw_only=True, slots=True)
class Following:
    """Some objects of one kind in one namespace."""

    client: AsyncClient
    kind: Any
    labels: dict[str, Any]

    async def snapshots(self) -> AsyncIterator[dict[str, Any]]:
        """All of them by name, at first and after each change. Raises ApiRefuses.

        Of changes that follow closely the last counts; what happened while a watch was down shows in the next list.
        """
        tries = 0
        while True:
            try:
                async with asyncio.timeout(SILENCE_S):
                    found, version = await self._list()
                yield dict(found)
                tries = 0
                async for name, changed in self._changes(version):
                    if changed is None:
                        found.pop(name, None)
                    else:
                        found[name] = changed
                    yield dict(found)
            except (httpx2.HTTPError, TimeoutError) as error:
                if isinstance(error, httpx2.HTTPError) and not passes(error):
                    raise ApiRefuses(f"{self.kind.__name__} can't be followed: {error}") from error
                if code_of(error) == GONE:
                    log.info("the watch is too old; listing anew", kind=self.kind.__name__)
                    continue
                pause_s = pause_after(error, tries)
                tries += 1
                log.warning("the cluster's API is away", kind=self.kind.__name__, error=repr(error), pause_s=pause_s)
                await asyncio.sleep(pause_s)

    async def _list(self) -> tuple[dict[str, Any], str]:
        listed = self.client.list(self.kind, labels=self.labels)
        found = {each.metadata.name: each async for each in listed}
        return found, listed.resourceVersion

    async def _changes(self, version: str) -> AsyncIterator[tuple[str, Any | None]]:
        watched = aiter(
            self.client.watch(self.kind, labels=self.labels, resource_version=version, server_timeout=WATCH_S)
        )
        while True:
            async with asyncio.timeout(SILENCE_S):
                try:
                    operation, changed = await anext(watched)
                except StopAsyncIteration:
                    return
            yield changed.metadata.name, None if operation == "DELETED" else changed
