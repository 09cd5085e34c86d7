"""A child that answers lines of JSON, as the service sees it: started when it is needed, ended when it is idle, hung or
broken."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from truscore.process.bounded import clean_environment

IDLE_S: Final = 60.0
START_S: Final = 60.0
LINE_BYTES: Final = 8 << 20


class ChildSlow(RuntimeError):
    """It did not answer within its time, and was ended."""


class ChildBroke(RuntimeError):
    """It ended, or answered what is no answer."""


class LineChild:
    """One request after the other. Each may take `timeout_s`; one that kills the child costs only itself."""

    def __init__(self, module: str, *, timeout_s: float, memory_bytes: int) -> None:
        self._command = (sys.executable, "-m", module, str(memory_bytes))
        self.timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Raises ChildSlow and ChildBroke."""
        async with self._turn:
            if self._idle is not None:
                self._idle.cancel()
            try:
                return await self._exchange(json.dumps(request).encode() + b"\n")
            except BaseException:
                await asyncio.shield(self._end())
                raise
            finally:
                self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._kill)

    async def _exchange(self, line: bytes) -> dict[str, Any]:
        begun = self._process is None
        process = self._process = self._process or await self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(self.timeout_s + (START_S if begun else 0)):
                process.stdin.write(line)
                await process.stdin.drain()
                answer = json.loads(await process.stdout.readline())
        except TimeoutError as error:
            raise ChildSlow(f"longer than {self.timeout_s:g} s") from error
        except (ValueError, ConnectionError) as error:
            raise ChildBroke(f"{type(error).__name__}: {error}") from error
        if not isinstance(answer, dict):
            raise ChildBroke(f"it answered {answer!r:.60}")
        return answer

    async def _started(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=clean_environment(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="2"),
            limit=LINE_BYTES,
        )

    def _kill(self) -> asyncio.subprocess.Process | None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
        return process

    async def _end(self) -> None:
        if (process := self._kill()) is not None:
            await process.wait()

    async def close(self) -> None:
        async with self._turn:
            if self._idle is not None:
                self._idle.cancel()
            await self._end()
