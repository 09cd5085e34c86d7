"""A pod of an attempt beside its first one: its processes train, and the first pod writes and stores it all."""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from truscore.process.logged import LoggedProcess, start_logged
from truscore.storage import Store, StoreError

from services.trainer.journal import records_of
from services.trainer.pod.exit_codes import DRAINED, FENCED
from services.trainer.pod.folder import is_over
from services.trainer.pod.group import PodGroup
from services.trainer.pod.output import PassedOn
from services.trainer.run_store.attempts import Attempt, Attempts
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.segments import Segments

POLL_S = 0.2
LAST_WORD_S = 30.0  # that the first pod may take to store the attempt's last word
log = structlog.get_logger(__name__)


@dataclass(kw_only=True, slots=True)
class PodFollower:
    """The parent of a pod's share of the training processes.

    However they end, what counts is what the attempt's journal says: another pod takes this one's place unless the
    attempt is over.
    """

    attempt: Attempt
    attempts: Attempts
    store: Store
    keys: RunKeys
    group: PodGroup
    folder: Path
    beat_s: float  # between two looks for the attempt's marker
    _child: LoggedProcess | None = None
    _drained: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, command: Sequence[str], *, environment: Mapping[str, str]) -> int:
        """The pod's exit code."""
        training = asyncio.create_task(self._train(command, environment))
        beside = [asyncio.create_task(self._until_fenced()), asyncio.create_task(self._drained.wait())]
        try:
            await asyncio.wait([training, *beside], return_when=asyncio.FIRST_COMPLETED)
            if beside[0].done():
                return FENCED
            well = training.done() and training.result() == 0
        finally:
            if self._child is not None:
                self._child.kill()
            for task in (training, *beside):
                task.cancel()
            await asyncio.gather(training, *beside, return_exceptions=True)
        return 0 if await self._is_over(wait_s=LAST_WORD_S if well else 0.0) else DRAINED

    def drain(self) -> None:
        """End at once: the others notice, and go on from the last checkpoint."""
        self._drained.set()

    async def _train(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        await self.group.wait_for_first()
        log_path = self.folder / "child.log"
        self._child = await start_logged(command, log_path=log_path, environment=environment)
        printed = PassedOn(log_path)
        ending = asyncio.create_task(self._child.wait())
        while not ending.done():
            printed.pass_on()
            await asyncio.wait([ending], timeout=POLL_S)
        printed.pass_on()
        return ending.result()

    async def _until_fenced(self) -> None:
        """Return once a newer attempt has begun."""
        while True:
            with suppress(StoreError):
                if not await asyncio.to_thread(self.attempts.holds, self.attempt):
                    log.warning("dropping out: the attempt was overtaken", attempt=self.attempt.number)
                    return
            await asyncio.sleep(self.beat_s)

    async def _is_over(self, *, wait_s: float) -> bool:
        until_s = asyncio.get_running_loop().time() + wait_s
        while True:
            with suppress(StoreError):
                if await asyncio.to_thread(self._has_last_word):
                    return True
            if asyncio.get_running_loop().time() >= until_s:
                return False
            await asyncio.sleep(POLL_S)

    def _has_last_word(self) -> bool:
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            journal = Path(place) / "journal.jsonl"
            Segments(self.store, self.keys, self.attempt.number).copy_to(journal)
            last = deque(records_of(journal), maxlen=1)
            return bool(last) and is_over(last[0])
