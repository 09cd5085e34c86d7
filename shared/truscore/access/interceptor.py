"""The one place at a gRPC server where calls are let in: every method of every service goes through it."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import grpc

from truscore.access.access import Access, Metadata, Refused
from truscore.access.caller import CALLER
from truscore.access.methods import OPEN_METHODS, short_name

log = logging.getLogger("truscore.access")

if TYPE_CHECKING:
    Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]

# How long a stream goes on after its token has ended or was taken back, at most, while something is sent on it.
RECHECK_S: Final = 60.0


class AccessInterceptor(grpc.aio.ServerInterceptor):
    """Asks `access` before each call, and again while a stream lasts. `encrypted`: the server's port is over TLS."""

    def __init__(self, access: Access, *, encrypted: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._access, self._encrypted, self._clock = access, encrypted, clock

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        handler, method = await continuation(handler_call_details), handler_call_details.method
        if handler is None or method in OPEN_METHODS:
            return handler
        return self._guarded(handler, method, tuple(handler_call_details.invocation_metadata or ()))

    def _guarded(self, handler: Any, method: str, metadata: Metadata) -> Handler:
        async def admit(context: Any) -> None:
            try:
                caller = await self._access.admit(method, metadata, peer=context.peer(), encrypted=self._encrypted)
            except Refused as refused:
                log.info("refused %s to %s: %s", short_name(method), context.peer(), refused)
                await context.abort(refused.status, str(refused))
            # Each call is a task with a context of its own.
            CALLER.set(caller)

        kind = ("stream" if handler.request_streaming else "unary", "stream" if handler.response_streaming else "unary")
        inner = getattr(handler, "_".join(kind))
        make = getattr(grpc, f"{'_'.join(kind)}_rpc_method_handler")

        async def answer(request: Any, context: Any) -> Any:
            await admit(context)
            answered = inner(request, context)
            return await answered if inspect.isawaitable(answered) else answered

        async def answers(request: Any, context: Any) -> AsyncIterator[Any]:
            await admit(context)
            admitted_at = self._clock()
            answered = inner(request, context)
            if not hasattr(answered, "__aiter__"):
                await answered
                return
            async with aclosing(answered):
                async for each in answered:
                    if self._clock() - admitted_at >= RECHECK_S:
                        await admit(context)
                        admitted_at = self._clock()
                    yield each

        made: Handler = make(
            answers if handler.response_streaming else answer,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        return made
