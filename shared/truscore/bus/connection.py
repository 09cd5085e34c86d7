"""aio-pika's robust connection, each of whose attempts to come back ends.

aio-pika 10.2 restores channels, queues and consumers without a deadline, in the one task that would connect again: a
broker that answers the handshake and then nothing, or a connection that is lost between two of these steps, leaves
`connected` unset for ever. Here the task is our own, and what does not come to an end is given up and begun anew.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final, TypeVar
from weakref import WeakSet

import aio_pika
from aio_pika import RobustChannel, RobustConnection
from aio_pika.abc import AbstractRobustChannel
from aiormq.abc import AbstractChannel

from truscore.bus.deliveries import Delivery, Transport

log = logging.getLogger("truscore.bus")

GIVE_UP_S: Final = 5.0
T = TypeVar("T")


class Channel(RobustChannel):
    """Waits for its connection where that is lost: aio-pika's tries by itself first, and logs an error."""

    async def restore(self, channel: Any = None) -> None:
        connection = self._connection
        if not isinstance(connection, Connection) or connection.is_alive:
            await super().restore(channel)

    def take_deliveries(self, channel: AbstractChannel, consumer_tag: str, receive: Callable[[Delivery], None]) -> None:
        """Have what is delivered to the tag without aiormq; `channel` is the one under this."""
        connection = self._connection
        assert isinstance(connection, Connection)
        reader = connection.sockets.reader
        if reader is None or channel.is_closed:
            raise ConnectionAbortedError("the connection was lost before anything was consumed")
        reader.take(channel, consumer_tag, receive)


class Connection(RobustConnection):
    """Connected again, and all its channels with it, after each loss until it is closed."""

    CHANNEL_CLASS = Channel
    RESTORE_TIMEOUT_S: ClassVar[float] = 60
    """From the handshake to the last consumer. A cluster that elects leaders answers declarations late."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sockets = Transport()
        self.kwargs["transport_factory"] = self.sockets
        self._made: WeakSet[AbstractRobustChannel] = WeakSet()
        self._lost = asyncio.Event()  # the connection, or a consumer of it
        self._keeping: asyncio.Task[None] | None = None

    def channel(self, *args: Any, **kwargs: Any) -> AbstractRobustChannel:
        """As aio-pika's."""
        made = super().channel(*args, **kwargs)
        self._made.add(made)
        return made

    async def connect(self, timeout: float | None = None) -> None:
        """Raises what the first attempt failed with; all later ones are made by itself, and waited for here."""
        if self._keeping is not None:
            await self.connected.wait()
            return
        await self._attempt(timeout)
        self._keeping = asyncio.create_task(self._keep(timeout))

    async def close(self, exc: Any = asyncio.CancelledError) -> None:
        """Ends within seconds, whatever the broker answers."""
        self._close_called = True
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait((self._keeping,))
            self._keeping = None
        try:
            await _bounded(super().close(exc), within_s=GIVE_UP_S)
        except TimeoutError:
            log.info("%s did not confirm that the connection is closed", self)

    def _request_recovery(self) -> None:
        self._lost.set()

    async def _on_connection_close(self, closing: asyncio.Future[Any]) -> None:
        if self.is_alive:
            return  # this is the end of one that was given up before
        try:
            await super()._on_connection_close(closing)
        finally:
            self._lost.set()

    @property
    def is_alive(self) -> bool:
        """Whether there is a connection now, restored or not."""
        return self.transport is not None and not self.transport.connection.is_closed

    async def _keep(self, timeout_s: float | None) -> None:
        while not self._close_called:
            await self._lost.wait()
            self._lost.clear()
            try:
                if not self.is_alive:
                    await self._attempt(timeout_s)
                elif await _bounded(self._restore_consumers(), within_s=self.RESTORE_TIMEOUT_S):
                    self._lost.set()
            except Exception as error:  # noqa: BLE001  whatever it was, the next attempt may be the one
                self._lost.set()
                await self._give_up(error)
                log.warning("%s is away: %r; trying again in %g s", self, error, self.reconnect_interval)
            await asyncio.sleep(self.reconnect_interval)

    async def _attempt(self, timeout_s: float | None) -> None:
        self.transport = None
        self.connected.clear()
        within_s = self.RESTORE_TIMEOUT_S + (timeout_s or 0)
        try:
            await _bounded(aio_pika.Connection.connect(self, timeout_s), within_s=within_s)
        except BaseException as error:
            await self._give_up(error)
            raise

    async def _restore_consumers(self) -> bool:
        """Of queues that went and came back. Whether some are still away."""
        again = False
        for channel in tuple(self._made):
            if isinstance(channel, RobustChannel):
                again |= await channel._restore_consumers()
        return again

    async def _give_up(self, error: BaseException) -> None:
        transport, self.transport = self.transport, None
        self.connected.clear()
        if transport is not None and not transport.connection.is_closed:
            closing = asyncio.create_task(_close(transport.connection, error))
            await asyncio.wait((closing,), timeout=GIVE_UP_S)


async def _close(connection: Any, error: BaseException) -> None:
    reason = error if isinstance(error, Exception) else ConnectionAbortedError("the attempt was given up")
    await connection.close(reason)


async def _bounded(work: Coroutine[Any, Any, T], *, within_s: float) -> T:
    """Give what the work gives. TimeoutError where it does not end; ConnectionAbortedError where aiormq cancelled it.

    It runs in a task of its own: some of what it waits for takes no cancellation, and what aiormq cancels is not us.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait((task,), timeout=within_s)
    finally:
        is_late = not task.done()
        if is_late:
            task.cancel()
            task.add_done_callback(_retrieve)
            await asyncio.wait((task,), timeout=GIVE_UP_S)
    if is_late:
        raise TimeoutError(f"the connection was not restored within {within_s:g} s")
    if task.cancelled():
        raise ConnectionAbortedError("the connection was lost while it was being restored")
    return task.result()


def _retrieve(task: asyncio.Task[Any]) -> None:
    """What a task failed with after it was given up is nobody's news."""
    if not task.cancelled():
        task.exception()
