"""The decoding child as the service sees it: started when it is needed, ended when it is idle, hung or broken."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import Final

from truscore.process.bounded import clean_environment

from services.studio.child.job import Decoded, DecodeJob, decoded_from_line, job_to_line

COMMAND: Final = (sys.executable, "-m", "services.studio.child")
IDLE_S: Final = 60.0
START_S: Final = 60.0
LINE_BYTES: Final = 1 << 20


class Decoder:
    """Decodes one file after the other. Each may take `timeout_s`; one that kills the child costs only itself."""

    def __init__(self, *, timeout_s: float, memory_bytes: int) -> None:
        self._timeout_s, self._memory_bytes = timeout_s, memory_bytes
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def decode(self, job: DecodeJob) -> Decoded:
        """What the child says of the file, or in words how it failed on it."""
        async with self._turn:
            if self._idle is not None:
                self._idle.cancel()
            try:
                return await self._exchange(job)
            except BaseException:
                self._end()
                raise
            finally:
                self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._end)

    async def _exchange(self, job: DecodeJob) -> Decoded:
        begun = self._process is None
        process = self._process = self._process or await self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(self._timeout_s + (START_S if begun else 0)):
                process.stdin.write(job_to_line(job))
                await process.stdin.drain()
                line = await process.stdout.readline()
            return decoded_from_line(line)
        except TimeoutError:
            fault = f"decoding it takes longer than {self._timeout_s:g} s, which is all it may take"
        except (ValueError, KeyError, ConnectionError):
            fault = "the decoder broke down on it"
        self._end()
        await process.wait()
        return Decoded(fault=fault)

    async def _started(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *COMMAND,
            str(self._memory_bytes),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=clean_environment(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="2"),
            limit=LINE_BYTES,
        )

    def _end(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            self._process = None

    async def close(self) -> None:
        async with self._turn:
            if self._idle is not None:
                self._idle.cancel()
            process = self._process
            self._end()
            if process is not None:
                await process.wait()
