"""Publishes what the journals record, in order, and remembers how far it got.

The training process only ever writes its journal, so a broker that is away costs it nothing: the relay falls behind and
catches up. It may say a record twice (killed between the confirm and its own note); event ids are derived from the
record, so that is the same event again.

The attempt reads the same journal with an offset of its own (`runs.attempt`), for uploads and to notice a stall. One
reader would have to hold what the slower side has not taken yet, without a bound while broker or store are away; the
file already is that queue, on disk. This reader also outlives attempts and goes on where another host's relay stopped.
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
POSITION_FILE = "relay.json"
Message = TypeVar("Message")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Position:
    """How far the journals of a run were published and confirmed."""

    attempt: int = 1
    offset: int = 0  # bytes into that attempt's journal
    epoch: int = 0  # last epoch published, over all attempts


def attempt_folder(run_folder: Path, attempt: int) -> Path:
    return run_folder / f"attempt-{attempt}"


def journal_path(run_folder: Path, attempt: int) -> Path:
    return attempt_folder(run_folder, attempt) / "journal.jsonl"


def furthest(positions: Iterable[Position]) -> Position:
    """What all that is known of a run's past adds up to: where to go on, and the last epoch that was published."""
    known = list(positions)
    return replace(max(known, default=Position()), epoch=max((at.epoch for at in known), default=0))


def load_position(run_folder: Path) -> Position:
    """The position noted on this disk; the beginning where there is none."""
    try:
        return Position(**json.loads((run_folder / POSITION_FILE).read_bytes()))
    except FileNotFoundError:
        return Position()


def save_position(run_folder: Path, position: Position) -> None:
    """Note the position so that it outlives this process and the machine's power."""
    partial = run_folder / f".{POSITION_FILE}.part"
    with partial.open("w") as file:
        json.dump(asdict(position), file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(run_folder / POSITION_FILE)


def unpublished(records: Sequence[Record], *, epoch: int) -> list[Record]:
    """Without the epochs that were published before: an attempt trains the epoch again that its predecessor died in."""
    return [record for record in records if not (isinstance(record, EpochDone) and record.epoch <= epoch)]


class Relay(Generic[Message]):
    """Follows the journals of a run, attempt after attempt."""

    def __init__(
        self,
        *,
        run_folder: Path,
        position: Position,
        translate: Callable[[int, Record], Message | None],
        publish_many: Callable[[Sequence[Message]], Awaitable[None]],
        broker_unavailable: type[Exception],
    ) -> None:
        self._run_folder = run_folder
        self._translate = translate
        self._publish_many = publish_many
        self._broker_unavailable = broker_unavailable
        self._newest = position.attempt
        self._finished = False
        self._changed = asyncio.Event()
        self.position = position

    def begin(self, attempt: int) -> None:
        """A new attempt writes from now on; the older journals are complete."""
        self._newest = max(self._newest, attempt)
        self._changed.set()

    def finish(self) -> None:
        """All journals are complete: `run` returns when they are published."""
        self._finished = True
        self._changed.set()

    async def run(self) -> None:
        while not await self._step():
            self._changed.clear()

    async def _step(self) -> bool:
        """Publish what is there; whether all is published that ever will be."""
        complete = self._finished or self.position.attempt < self._newest
        path = journal_path(self._run_folder, self.position.attempt)
        records, offset = await asyncio.to_thread(_read, path, self.position.offset)
        if records:
            await self._publish(records)
            await self._advance(replace(self.position, offset=offset, epoch=_last_epoch(records, self.position.epoch)))
        elif complete and self.position.attempt >= self._newest:
            return True
        elif complete:
            await self._advance(replace(self.position, attempt=self.position.attempt + 1, offset=0))
        else:
            await _first_of(self._changed, POLL_S)
        return False

    async def _publish(self, records: Sequence[Record]) -> None:
        fresh = unpublished(records, epoch=self.position.epoch)
        messages = [
            message for record in fresh if (message := self._translate(self.position.attempt, record)) is not None
        ]
        with metrics.RELAY_WAITS.waiting():
            await self._publish_all(messages)
        metrics.RELAYED.inc(len(messages))

    async def _publish_all(self, messages: Sequence[Message]) -> None:
        def warn(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            log.warning("the broker is away; the journal waits", records=len(messages), error=str(error))

        async def attempt() -> None:
            await self._publish_many(messages)

        retry = retry_if_exception_type(self._broker_unavailable)
        await AsyncRetrying(retry=retry, wait=WAITS, before_sleep=warn)(attempt)

    async def _advance(self, position: Position) -> None:
        self.position = position
        try:
            await asyncio.to_thread(save_position, self._run_folder, position)
        except (
            OSError
        ) as error:  # a full disk: what was published since the last note would be published again, no more
            log.warning("could not note how far the journal was relayed", error=str(error))


def _read(path: Path, offset: int) -> tuple[Sequence[Record], int]:
    if not path.exists():
        return (), offset
    try:
        return read_from(path, offset)
    except JournalCorrupt as error:
        # Its attempt ends by the same error. What follows the damage is younger than any checkpoint that was taken
        # from this journal, so the next attempt trains it, and has it published, again.
        log.exception("the rest of a journal can't be read", error=str(error))
        return (), offset


def _last_epoch(records: Iterable[Record], epoch: int) -> int:
    return max([epoch, *(record.epoch for record in records if isinstance(record, EpochDone))])


async def _first_of(changed: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await changed.wait()
    except TimeoutError:
        return
