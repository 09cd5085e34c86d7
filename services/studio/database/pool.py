"""At most so many connections, used again, and made anew where the server went in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from services.studio.database.link import Link
from services.studio.database.port import DatabaseAway

WAIT_S: Final = 15.0
AGAIN_S: Final = 1.0  # after an attempt to connect that failed: meanwhile nobody waits for another one


class Pool:
    """`connect` makes a connection, or raises DatabaseAway."""

    def __init__(self, connect: Callable[[], Link], *, size: int, wait_s: float = WAIT_S) -> None:
        self._connect, self._size, self._wait_s = connect, size, wait_s
        self._places = threading.BoundedSemaphore(size)
        self._idle: list[Link] = []
        self._lock = threading.Lock()
        self._away_until = 0.0
        self._is_closed = False

    @contextmanager
    def begun(self, begin: str) -> Iterator[Link]:
        """A connection on which the statements `begin` were executed; it is rolled back where the block raises. Raises
        DatabaseAway."""
        if not self._places.acquire(timeout=self._wait_s):
            raise DatabaseAway(f"all {self._size} connections to the studio's database are busy")
        try:
            link = self._begin(begin)
            try:
                yield link
            except BaseException:
                link.roll_back()
                raise
            finally:
                self._put(link)
        finally:
            self._places.release()

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
        self._close_idle()

    def _begin(self, begin: str) -> Link:
        """Nothing was done yet, so that a connection which turns out to be dead costs no more than another one."""
        link = self._take()
        if link is not None:
            try:
                return self._begun_on(link, begin)
            except DatabaseAway:
                if not link.is_closed:  # the server is there, and others have the lock
                    raise
                self._close_idle()
        return self._begun_on(self._new(), begin)

    def _begun_on(self, link: Link, begin: str) -> Link:
        try:
            link.execute(begin, answer_s=self._wait_s)
        except BaseException:
            link.roll_back()
            self._put(link)
            raise
        return link

    def _take(self) -> Link | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _new(self) -> Link:
        if time.monotonic() < self._away_until:
            raise DatabaseAway("the studio's database is away")
        try:
            return self._connect()
        except DatabaseAway:
            self._away_until = time.monotonic() + AGAIN_S
            raise

    def _put(self, link: Link) -> None:
        with self._lock:
            if not link.is_closed and not self._is_closed:
                self._idle.append(link)
                return
        link.close()

    def _close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for link in idle:
            link.close()
