"""Passwords as argon2id digests (RFC 9106), and the bounds on guessing them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST_CHARS: Final = 12  # NIST SP 800-63B-4 asks for 15 where a password stands alone, 8 where it does not
MOST_CHARS: Final = 256
MOST_AT_ONCE: Final = 2  # digests being computed, of 64 MiB each
MOST_FAILURES: Final = 5
WINDOW_S: Final = 15 * 60.0
MOST_NAMES: Final = 10_000


class WeakPassword(ValueError):
    """A password that is not taken, in words."""


class TooManyAttempts(RuntimeError):
    """Somebody guesses at a name. `wait_s` until the next attempt counts."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many attempts at this name: try again in {wait_s / 60:.0f} min, or ask for a login link")
        self.wait_s = wait_s


def check_password(password: str, *, name: str) -> None:
    """WeakPassword names what is accepted: length counts, no rule on kinds of characters (NIST SP 800-63B)."""
    if not LEAST_CHARS <= len(password) <= MOST_CHARS:
        raise WeakPassword(f"the password has {len(password)} characters; accepted: {LEAST_CHARS} to {MOST_CHARS}")
    if len(set(password)) < LEAST_CHARS // 2 or name.casefold() in password.casefold():
        raise WeakPassword("the password repeats few characters or holds the name; accepted: one that is hard to guess")


class Passwords:
    """RFC 9106's second recommended option, 64 MiB and three passes: digests say it, and older ones are made anew."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._nobodys = ""

    async def digest(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def holds(self, password: str, digest: str | None) -> bool:
        """Without a digest it is False, after the same time: how long it takes tells no names."""
        self._nobodys = self._nobodys or await self.digest("of nobody")
        async with self._slots:
            fits = await asyncio.to_thread(self._verify, digest or self._nobodys, password[: MOST_CHARS + 1])
        return fits and digest is not None

    def is_outdated(self, digest: str) -> bool:
        return self._hasher.check_needs_rehash(digest)

    def _verify(self, digest: str, password: str) -> bool:
        try:
            return self._hasher.verify(digest, password)
        except (VerificationError, InvalidHashError):
            return False


class Attempts:
    """Failures by name within the last WINDOW_S. A restart forgets them, and so does a login that succeeds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def begin(self, name: str) -> None:
        """Counts as a failure until `forget`: attempts at the same time are bounded as well. TooManyAttempts."""
        key, now = name.casefold(), self._clock()
        failures = self._failures.setdefault(key, deque(maxlen=MOST_FAILURES))
        while failures and failures[0] <= now - WINDOW_S:
            failures.popleft()
        if len(failures) >= MOST_FAILURES:
            raise TooManyAttempts(failures[0] + WINDOW_S - now)
        failures.append(now)
        self._failures.move_to_end(key)
        if len(self._failures) > MOST_NAMES:
            self._failures.popitem(last=False)

    def forget(self, name: str) -> None:
        self._failures.pop(name.casefold(), None)
