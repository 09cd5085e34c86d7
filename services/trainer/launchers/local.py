"""Training processes on this machine: children of the service, which end with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import structlog
from truscore.process.logged import LoggedProcess, start_logged

from services.trainer.launchers.port import Exit, Launch
from services.trainer.plan import Plan
from services.trainer.run_store.stop_requests import request_stop
from services.trainer.runs.standby import Standby

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalAttempt:
    """A process group that trains in the attempt's folder."""

    child: LoggedProcess
    folder: Path

    @property
    def waiting(self) -> bool:
        return False

    async def wait(self) -> Exit:
        status = await self.child.wait()
        return Exit(status=status, printed=self.child.output_tail())

    def request_stop(self, word: str) -> None:
        request_stop(self.folder, word)

    def kill(self) -> None:
        self.child.kill()

    def release(self) -> None:
        self.child.kill()


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalLauncher:
    """Starts a process group for each attempt."""

    command: Callable[[Plan, Path], Sequence[str]]  # trains in a folder
    environment: Mapping[str, str]  # of the training process
    standby: Standby | None = None  # a training process that is started before its order
    remote: bool = False

    def ready(self) -> AbstractAsyncContextManager[None]:
        return self.standby.kept() if self.standby else nullcontext()

    async def start(self, launch: Launch) -> LocalAttempt:
        command = self.command(launch.plan, launch.folder)
        log_path = launch.folder / "child.log"
        child = await self.standby.hand_over(command, launch.folder, log_path=log_path) if self.standby else None
        child = child or await start_logged(command, log_path=log_path, environment=self.environment)
        log.info("training process started", attempt=launch.attempt, pid=child.pid)
        return LocalAttempt(child=child, folder=launch.folder)

    async def outlived(self, run_id: str, attempt: int) -> bool:
        """Never: they end with the service that started them."""
        return False

    async def end(self, run_id: str, attempt: int) -> None:
        """They have ended with the service that started them."""

    async def closed(self, run_id: str, attempt: int) -> None:
        """There is nothing of them but their folder, which is the workspace's."""
