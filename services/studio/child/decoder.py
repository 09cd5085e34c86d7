"""The decoding child as the service sees it."""

from __future__ import annotations

from dataclasses import asdict

from services.studio.child.job import Decoded, DecodeJob
from services.studio.child.line_child import ChildBroke, ChildSlow, LineChild

MODULE = "services.studio.child"


class Decoder:
    """Decodes one file after the other."""

    def __init__(self, *, timeout_s: float, memory_bytes: int) -> None:
        self._child = LineChild(MODULE, timeout_s=timeout_s, memory_bytes=memory_bytes)

    async def decode(self, job: DecodeJob) -> Decoded:
        """What the child says of the file, or in words how it failed on it."""
        try:
            return Decoded(**await self._child.ask(asdict(job)))
        except ChildSlow:
            return Decoded(fault=f"decoding it takes longer than {self._child.timeout_s:g} s, which is all it may take")
        except (ChildBroke, TypeError):
            return Decoded(fault="the decoder broke down on it")

    async def close(self) -> None:
        await self._child.close()
