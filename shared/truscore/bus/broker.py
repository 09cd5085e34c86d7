"""The connection: a FastStream broker that declares all queues, confirms what it publishes and waits for its broker."""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, Final, cast

from aio_pika import RobustConnection
from aio_pika.abc import AbstractRobustChannel
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, ProbableAuthenticationError
from faststream.middlewares import AckPolicy
from faststream.rabbit import RabbitBroker
from faststream.rabbit.subscriber.usecase import RabbitSubscriber
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_before_delay, wait_fixed
from yarl import URL

from truscore.bus import declarations
from truscore.bus.connection import Connection
from truscore.bus.consuming.stream_consumer import StreamConsumer
from truscore.bus.errors import BusUnavailable

log = logging.getLogger("truscore.bus")

RECONNECT_S: Final = 1.0
CONNECT_TIMEOUT_S: Final = 10.0
HEARTBEAT_S: Final = 20  # a host that is gone without a word is noticed after three of them, and a second each
CANCEL_TIMEOUT_S: Final = 5.0
DEFAULT_USER: Final = "guest"  # whom aio-pika logs in where the address names nobody
# asyncio.TimeoutError is an OSError only from 3.11 on as TimeoutError; named for the reader.
AWAY: Final = (*CONNECTION_EXCEPTIONS, TimeoutError)


def default_instance() -> str:
    """Name of this process among its service's: host and process number."""
    return f"{socket.gethostname()}-{os.getpid()}"


def connect(
    amqp_url: str,
    *,
    service: str,
    instance: str | None = None,
    graceful_timeout_s: float = 15,
    retry_for_s: float = 10,
) -> "Bus":
    """A broker that is not yet connected. `start()` raises BusUnavailable after `retry_for_s` without an answer."""
    return Bus(
        amqp_url,
        service=service,
        instance=instance or default_instance(),
        graceful_timeout_s=graceful_timeout_s,
        retry_for_s=retry_for_s,
    )


def the_bus(broker: RabbitBroker) -> "Bus":
    """The broker as what `connect` made. TypeError where it was made otherwise."""
    if not isinstance(broker, Bus):
        raise TypeError(f"broker is a {type(broker).__name__}; make it with truscore.bus.connect")
    return broker


class Bus(RabbitBroker):
    """FastStream's broker as this library uses it: nothing is acknowledged, sent or declared by accident."""

    def __init__(
        self, amqp_url: str, *, service: str, instance: str, graceful_timeout_s: float, retry_for_s: float
    ) -> None:
        super().__init__(
            _named(amqp_url, f"{service} {instance}"),
            timeout=CONNECT_TIMEOUT_S,
            reconnect_interval=RECONNECT_S,
            app_id=f"truscore/{service}",
            graceful_timeout=graceful_timeout_s,
            ack_policy=AckPolicy.MANUAL,  # the default rejects, that is drops, what a handler failed on
            apply_types=False,
            logger=log,
            log_level=logging.DEBUG,
        )
        self._connection_kwargs["connection_class"] = Connection
        self.service = service
        self.instance = instance
        self.retry_for_s = retry_for_s
        self.graceful_timeout_s = graceful_timeout_s
        # The broker refuses a message that names another user than the connection's.
        self.user = URL(amqp_url).user or DEFAULT_USER
        self.safe_url = str(URL(amqp_url).with_password(None))
        self._needed = {(queue.name, queue.exchange): queue for queue in declarations.all_queues()}
        self._streams: list[StreamConsumer] = []
        self._on_started: list[Callable[[], Awaitable[None]]] = []
        self.overflows: dict[str, object] = {}  # by service: consuming.overflow knows what they are
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_hand: set[asyncio.Task[None]] = set()
        self._declaring: AbstractRobustChannel | None = None
        self._publishing: AbstractRobustChannel | None = None
        self._publishing_lock = asyncio.Lock()

    def need(self, *queues: declarations.Queue) -> None:
        """Have the queues declared at the start."""
        self._needed |= {(queue.name, queue.exchange): queue for queue in queues}

    def read_stream(self, consumer: StreamConsumer) -> None:
        """Have the stream consumed from the start on."""
        self._streams.append(consumer)

    def on_started(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Run after each start, when every listener consumes."""
        self._on_started.append(callback)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside the listeners until the bus stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def in_hand(self, work: Coroutine[Any, Any, None]) -> None:
        """Handle a delivery to its end, whatever becomes of the channel that it came by.

        aiormq cancels the callbacks of a channel that closes; a run of hours must not end because a broker restarts.
        """
        await asyncio.shield(self.take_in_hand(work))

    def take_in_hand(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """As `in_hand`, without waiting for the end."""
        task = asyncio.create_task(work)
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)
        return task

    async def start(self) -> None:
        """Connect, declare all queues, consume. BusUnavailable after `retry_for_s`; TopologyMismatch at once."""
        try:
            await self._start()
        except AWAY as error:
            await self.stop()
            raise BusUnavailable(f"{self.safe_url} went away while {self.service} was starting: {error!r}") from error
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        connection = await self.connect()
        only_of = "" if await declarations.may_make_exchanges(connection) else self.service
        # kept: the robust channel declares it all again after a reconnect
        self._declaring = await self._retrying(BusUnavailable)(self._declare, connection, only_of)
        if only_of:
            self._leave_undeclared(only_of)
        for subscriber in self.subscribers:
            # FastStream drops deliveries until `running`, which it sets only some turns of the loop after
            # the broker began to deliver: such a message would stay unacknowledged for ever.
            subscriber.running = True
        await super().start()
        for stream in self._streams:
            await stream.begin(connection, passive=bool(only_of) and not declarations.owns(only_of, stream.queue.name))
        for callback in self._on_started:
            await callback()

    async def _declare(self, connection: RobustConnection, only_of: str) -> AbstractRobustChannel:
        channel = await connection.channel()
        try:
            await declarations.declare(channel, self._needed.values(), only_of=only_of)
        except BaseException:
            await channel.close()
            raise
        return channel

    def _leave_undeclared(self, user: str) -> None:
        """FastStream declares what it consumes once more: not what this user may not make."""
        for subscriber in cast("list[RabbitSubscriber]", self.subscribers):
            if not declarations.owns(user, subscriber.queue.name):
                subscriber.queue.declare = False
            if subscriber.exchange is not None:
                subscriber.exchange.declare = False

    async def hush(self) -> None:
        """Stop taking messages; those in hand go on."""
        for _, queue, tag in self._consumers():
            if queue is None or tag is None or queue.channel.is_closed:
                continue
            try:
                await queue.cancel(tag, timeout=5)
            except AWAY as error:
                log.info("could not cancel a consumer of %s: %r", queue.name, error)

    async def deaf(self) -> list[str]:
        """Names of the queues that should be consumed and are not."""
        silent = []
        for name, queue, tag in self._consumers():
            open_queue = queue is not None and not queue.channel.is_closed
            if not open_queue or tag not in (await queue.channel.get_underlay_channel()).consumers:
                silent.append(name)
        return silent

    def _consumers(self) -> Iterator[tuple[str, Any, str | None]]:
        # FastStream has no public way to a subscriber's queue and consumer tag.
        for subscriber in cast("list[RabbitSubscriber]", self.subscribers):
            yield subscriber.queue.name, subscriber._queue_obj, subscriber._consumer_tag
        for stream in self._streams:
            yield stream.queue.name, stream.consumed, stream.tag

    async def stop(self, *exc: Any) -> None:
        """Wait for handlers up to the graceful timeout and cancel the rest; what is not acknowledged goes back."""
        await self.hush()
        await _end(self._tasks, grace_s=0)
        await _end(self._in_hand, grace_s=self.graceful_timeout_s)
        self._publishing = self._declaring = None
        await super().stop(*exc)

    async def publishing_channel(self) -> AbstractRobustChannel:
        """Channel with confirms on which an unroutable message raises. BusUnavailable where the bus is not started."""
        connection = self._connected()
        if self._declaring is not None:
            # After a reconnect the channels come back one by one, and after a broker's restart the log comes back
            # later than the broker: what is published before that would reach the inboxes and not the log.
            await self._declaring.ready()
        async with self._publishing_lock:
            if self._publishing is None:
                self._publishing = await connection.channel(publisher_confirms=True, on_return_raises=True)
            return self._publishing

    async def channel_of_its_own(self) -> AbstractRobustChannel:
        """A channel that its user closes. BusUnavailable where the bus is not started."""
        return await self._connected().channel()

    def _connected(self) -> RobustConnection:
        if self._connection is None:
            raise BusUnavailable(f"the bus of {self.service} is not connected to {self.safe_url}")
        return self._connection

    async def _connect(self) -> RobustConnection:
        try:
            return await self._retrying(*AWAY)(self._connect_once)
        except AWAY as error:
            what = "refused us" if isinstance(error, ProbableAuthenticationError) else "did not answer"
            raise BusUnavailable(f"{self.safe_url} {what} for {self.retry_for_s:g} s: {error!r}") from error

    def _retrying(self, *errors: type[BaseException]) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type(errors),
            wait=wait_fixed(RECONNECT_S),
            stop=stop_before_delay(self.retry_for_s),
            before_sleep=self._warn_of_retry,
            reraise=True,
        )

    def _warn_of_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("%s is away: %r; trying again in %g s", self.safe_url, error, RECONNECT_S)

    async def _connect_once(self) -> RobustConnection:
        # A connection that nobody closes goes on connecting for ever, and FastStream drops the one it has where it
        # is cancelled: an attempt is always seen to its end, which its own timeouts bound.
        attempt = asyncio.ensure_future(super()._connect())
        try:
            return await asyncio.shield(attempt)
        except asyncio.CancelledError:
            await asyncio.wait((attempt,))
            if not attempt.cancelled() and attempt.exception() is None:
                await attempt.result().close()
            raise


def _named(amqp_url: str, name: str) -> str:
    """With the name that RabbitMQ lists the connection as, and a heartbeat where none is asked for."""
    url = URL(amqp_url)
    return str(url.update_query({"heartbeat": str(HEARTBEAT_S), **url.query, "name": name}))


async def _end(tasks: set[asyncio.Task[None]], *, grace_s: float) -> None:
    """Wait for the tasks, then cancel those that are left."""
    if not tasks:
        return
    _, late = await asyncio.wait(tuple(tasks), timeout=grace_s)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=CANCEL_TIMEOUT_S)
