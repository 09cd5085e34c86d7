"""Messages that services gave up on, as plain values, and their way back into the inboxes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import asdict
from typing import Any, Final, Protocol, TypeVar

from aio_pika.exceptions import AMQPError
from truscore.bus import BusUnavailable, UnknownMessage
from truscore.bus.consuming.dead_letters import NoSuchLetter, list_dead, replay_dead, services

TIMEOUT_S: Final = 60.0
MOST_LETTERS: Final = 100  # of each service
MOST_CHARS: Final = 20_000  # of a letter's content and of its traceback
LETTER_ID: Final = re.compile(r"[0-9a-f]{12}")
Plain = dict[str, Any]
T = TypeVar("T")


class LettersAway(Exception):
    """The broker does not answer, or does not let this user at dead letters, in words."""


class LettersRefused(ValueError):
    """What was asked for can't be done, in words."""


class AnnounceReplay(Protocol):
    """Puts on record that letters are about to be put back, and who asked."""

    async def __call__(self, service: str, event_ids: Sequence[str], *, requested_by: str) -> None: ...


class DeadLetters:
    """One question after the other: who looks at letters has taken them from the queue for as long."""

    def __init__(self, amqp_url: str, announce: AnnounceReplay) -> None:
        self._amqp_url, self._announce = amqp_url, announce
        self._turn = asyncio.Lock()

    async def oldest(self) -> tuple[Plain, ...]:
        """The oldest of every service. Raises LettersAway."""
        found: list[Plain] = []
        async with self._turn:
            for service in services():
                found += [_bounded(asdict(each)) for each in await self._listed(service)]
        return tuple(found)

    async def replay(self, service: str, letter_ids: Collection[str], *, requested_by: str) -> int:
        """How many of the letters are back in their inboxes. Raises LettersAway and LettersRefused."""
        if not 0 < len(letter_ids) <= MOST_LETTERS or not all(map(LETTER_ID.fullmatch, letter_ids)):
            raise LettersRefused(f"accepted are 1 to {MOST_LETTERS} letters, by 12 hexadecimal digits each")
        if service not in services():
            raise LettersRefused(f"service {service!r:.60}; accepted: {', '.join(services())}")
        async with self._turn:
            chosen = [each for each in await self._listed(service) if each.letter_id in letter_ids]
            if not chosen:
                raise LettersRefused(f"{service} has none of these letters any more")
            # Said before it is done: a replay that nobody asked for on record can't happen.
            await self._announce(service, [each.event_id for each in chosen], requested_by=requested_by)
            try:
                return len(
                    await self._answered(replay_dead(self._amqp_url, service, [each.letter_id for each in chosen]))
                )
            except NoSuchLetter as error:
                raise LettersRefused(str(error)) from error

    async def _listed(self, service: str) -> list[Any]:
        try:
            return await self._answered(list_dead(self._amqp_url, service, limit=MOST_LETTERS))
        except UnknownMessage:  # the service has never run here, so that it has no such queue
            return []

    async def _answered(self, question: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await question
        except BusUnavailable as error:
            raise LettersAway(_hint(str(error))) from error
        except (AMQPError, OSError, TimeoutError) as error:
            raise LettersAway(_hint(f"the broker did not answer: {error!r}")) from error


def _hint(words: str) -> str:
    if "ACCESS_REFUSED" not in words:
        return words
    return (
        "the studio's user may not read dead letters: set TRUSCORE_STUDIO_OPERATOR_AMQP_URL to the address of one that "
        "may, such as cli's"
    )


def _bounded(letter: Plain) -> Plain:
    return {**letter, **{name: letter[name][:MOST_CHARS] for name in ("content", "traceback")}}
