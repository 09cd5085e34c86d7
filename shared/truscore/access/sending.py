"""The client's side: a token with every call, never in plain to another machine unless that was allowed."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

import grpc
from grpc import aio

from truscore.access.access import AUTHORIZATION
from truscore.access.loopback import is_loopback_target

HEADER: Final = "Bearer {}"


class Token(Protocol):
    """What a client shows, as settings have it at the moment of a call; empty for nothing."""

    def __call__(self) -> str: ...


class PlaintextToken(ValueError):
    """A token would go to another machine without TLS."""


def check_target(address: str, *, encrypted: bool, allowed: bool) -> None:
    """Raises PlaintextToken where a token must not be sent to the address, host:port."""
    if not (encrypted or allowed or is_loopback_target(address)):
        raise PlaintextToken(
            f"a token would go to {address} without TLS: accepted are https://{address}, an address of this machine, "
            "or TRUSCORE_GRPC_PLAINTEXT_TOKENS=true on a network of your own"
        )


def with_token(channel: grpc.Channel, token: Token) -> grpc.Channel:
    """The channel, on which the token goes with every call."""
    return grpc.intercept_channel(channel, _Sending(token))


def token_interceptors(token: Token) -> list[aio.ClientInterceptor]:
    """What `with_token` does, for channels of asyncio. One of each kind: such a channel takes no object as both."""
    return [_AsyncUnary(token), _AsyncStream(token)]


class _Details(NamedTuple):
    """Of a call, as interceptors hand them on."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: Any


class _Sending(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    def __init__(self, token: Token) -> None:
        self._token = token

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(self._with_token(client_call_details), request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(self._with_token(client_call_details), request)

    def _with_token(self, details: Any) -> Any:
        token = self._token()
        if not token:
            return details
        return _Details(
            method=details.method,
            timeout=details.timeout,
            metadata=[*(details.metadata or ()), (AUTHORIZATION, HEADER.format(token))],
            credentials=details.credentials,
            wait_for_ready=details.wait_for_ready,
            compression=details.compression,
        )


class _AsyncUnary(aio.UnaryUnaryClientInterceptor):
    def __init__(self, token: Token) -> None:
        self._token = token

    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(_async_with_token(client_call_details, self._token()), request)


class _AsyncStream(aio.UnaryStreamClientInterceptor):
    def __init__(self, token: Token) -> None:
        self._token = token

    async def intercept_unary_stream(
        self, continuation: Callable[..., Any], client_call_details: aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(_async_with_token(client_call_details, self._token()), request)


def _async_with_token(details: aio.ClientCallDetails, token: str) -> aio.ClientCallDetails:
    if not token:
        return details
    return aio.ClientCallDetails(
        method=details.method,
        timeout=details.timeout,
        metadata=aio.Metadata(*(details.metadata or ()), (AUTHORIZATION, HEADER.format(token))),
        credentials=details.credentials,
        wait_for_ready=details.wait_for_ready,
    )
