"""The log of a pod, line by line into ours, while it runs."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

import httpx2
import structlog
from lightkube import AsyncClient

from services.trainer.launchers.kubernetes.following import pause_after

log = structlog.get_logger(__name__)
LINE_CHARS = 2000
TRIES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class PodLog:
    """Follows one pod's log to its end. For people: the journal does not depend on it."""

    client: AsyncClient
    pod: str

    async def stream(self, last: deque[str]) -> None:
        """Log each line and keep the last ones; where the log breaks off it goes on behind the lines that were seen."""
        seen = 0
        for tries in range(TRIES):
            try:
                number = 0
                async for line in self.client.log(self.pod, follow=True, newlines=False):
                    number += 1
                    if number > seen:
                        seen = number
                        last.append(line[:LINE_CHARS])
                        log.info("training process", pod=self.pod, said=line[:LINE_CHARS])
                return
            except httpx2.HTTPError as error:
                log.warning("a pod's log breaks off", pod=self.pod, error=repr(error))
                await asyncio.sleep(pause_after(error, tries))
