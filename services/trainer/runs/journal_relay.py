"""Tells the world what the journals record, in order, and remembers how far it got.

The training process only ever writes its journal, so a broker that is away costs it nothing: the relay falls behind and
catches up. It may say a record twice (killed between the confirm and its own note); event ids are derived from the
record, so that is the same event again.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from services.trainer import metrics
from services.trainer.journal import EpochDone, JournalCorrupt, Record, read_from
from services.trainer.runs.backoff import WAITS

POLL_S = 0.1
MEMORY = "relay.json"
Saying = TypeVar("Saying")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Position:
    """How far the journals of a run were said and confirmed."""

    attempt: int = 1
    offset: int = 0  # bytes into that attempt's journal
    epoch: int = 0  # last epoch said, over all attempts


def attempt_folder(run_folder: Path, attempt: int) -> Path:
    return run_folder / f"attempt-{attempt}"


def journal_path(run_folder: Path, attempt: int) -> Path:
    return attempt_folder(run_folder, attempt) / "journal.jsonl"


def furthest(positions: Iterable[Position]) -> Position:
    """What all that is known of a run's past adds up to: where to go on, and the last epoch that was said."""
    known = list(positions)
    return replace(max(known, default=Position()), epoch=max((at.epoch for at in known), default=0))


def recall(run_folder: Path) -> Position:
    """The position noted on this disk; the beginning where there is none."""
    try:
        return Position(**json.loads((run_folder / MEMORY).read_bytes()))
    except FileNotFoundError:
        return Position()


def remember(run_folder: Path, position: Position) -> None:
    """Note the position so that it outlives this process and the machine's power."""
    partial = run_folder / f".{MEMORY}.part"
    with partial.open("w") as file:
        json.dump(asdict(position), file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(run_folder / MEMORY)


def unsaid(records: Sequence[Record], *, epoch: int) -> list[Record]:
    """Without the epochs that were said before: an attempt trains the epoch again that its predecessor died in."""
    return [record for record in records if not (isinstance(record, EpochDone) and record.epoch <= epoch)]


class Relay(Generic[Saying]):
    """Follows the journals of a run, attempt after attempt."""

    def __init__(
        self,
        *,
        run_folder: Path,
        position: Position,
        translate: Callable[[int, Record], Saying | None],
        say_many: Callable[[Sequence[Saying]], Awaitable[None]],
        broker_away: type[Exception],
    ) -> None:
        self._run_folder = run_folder
        self._translate = translate
        self._say_many = say_many
        self._broker_away = broker_away
        self._newest = position.attempt
        self._finished = False
        self._news = asyncio.Event()
        self.position = position

    def begin(self, attempt: int) -> None:
        """A new attempt writes from now on; the older journals are complete."""
        self._newest = max(self._newest, attempt)
        self._news.set()

    def finish(self) -> None:
        """All journals are complete: `run` returns when they are said."""
        self._finished = True
        self._news.set()

    async def run(self) -> None:
        while not await self._step():
            self._news.clear()

    async def _step(self) -> bool:
        """Say what is there; whether all is said that ever will be."""
        complete = self._finished or self.position.attempt < self._newest
        path = journal_path(self._run_folder, self.position.attempt)
        records, offset = await asyncio.to_thread(_read, path, self.position.offset)
        if records:
            await self._say(records)
            await self._advance(replace(self.position, offset=offset, epoch=_last_epoch(records, self.position.epoch)))
        elif complete and self.position.attempt >= self._newest:
            return True
        elif complete:
            await self._advance(replace(self.position, attempt=self.position.attempt + 1, offset=0))
        else:
            await _first_of(self._news, POLL_S)
        return False

    async def _say(self, records: Sequence[Record]) -> None:
        fresh = unsaid(records, epoch=self.position.epoch)
        sayings = [said for record in fresh if (said := self._translate(self.position.attempt, record)) is not None]
        with metrics.RELAY_WAITS.waiting():
            await self._insist(sayings)
        metrics.RELAYED.inc(len(sayings))

    async def _insist(self, sayings: Sequence[Saying]) -> None:
        def warn(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            log.warning("the broker is away; the journal waits", records=len(sayings), error=str(error))

        async def attempt() -> None:
            await self._say_many(sayings)

        retry = retry_if_exception_type(self._broker_away)
        await AsyncRetrying(retry=retry, wait=WAITS, before_sleep=warn)(attempt)

    async def _advance(self, position: Position) -> None:
        self.position = position
        try:
            await asyncio.to_thread(remember, self._run_folder, position)
        except OSError as error:  # a full disk: what was said since the last note would be said again, no more
            log.warning("could not note how far the journal was said", error=str(error))


def _read(path: Path, offset: int) -> tuple[Sequence[Record], int]:
    if not path.exists():
        return (), offset
    try:
        return read_from(path, offset)
    except JournalCorrupt as error:
        # Its attempt ends by the same error. What follows the damage is younger than any checkpoint that was taken
        # from this journal, so the next attempt trains it, and has it told, again.
        log.exception("the rest of a journal can't be read", error=str(error))
        return (), offset


def _last_epoch(records: Iterable[Record], epoch: int) -> int:
    return max([epoch, *(record.epoch for record in records if isinstance(record, EpochDone))])


async def _first_of(news: asyncio.Event, timeout_s: float) -> None:
    try:
        await asyncio.wait_for(news.wait(), timeout_s)
    except TimeoutError:
        return
