"""Every gRPC call of the command line: how a service is reached, and what it means where it does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import grpc
from truscore.access import PlaintextToken
from truscore.telemetry.grpc_tls import open_channel

from services.cli.context import CliError, Code, Endpoint

CODES: Final = {
    grpc.StatusCode.NOT_FOUND: Code.NOT_FOUND,
    grpc.StatusCode.INVALID_ARGUMENT: Code.USAGE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Code.TIMED_OUT,
    grpc.StatusCode.UNAUTHENTICATED: Code.DENIED,
    grpc.StatusCode.PERMISSION_DENIED: Code.DENIED,
}
SHOWN: Final = "what is shown is TRUSCORE_GRPC_TOKEN, or the file that TRUSCORE_GRPC_TOKEN_FILE names"


def channel_to(endpoint: Endpoint) -> grpc.Channel:
    """A channel on which the token of the settings goes with each call. CliError where it must not go there."""
    try:
        return open_channel(endpoint.address, token=endpoint.token, plaintext_token=endpoint.plaintext_token)
    except PlaintextToken as error:
        raise CliError(Code.USAGE, f"{endpoint.who} is not asked: {error}") from error
    except OSError as error:
        raise CliError(Code.USAGE, f"{endpoint.who} is not asked: {error}") from error


@contextmanager
def explained(endpoint: Endpoint) -> Iterator[None]:
    """What a call raises, in the words and exit codes of a command."""
    try:
        yield
    except grpc.RpcError as error:
        raise CliError(CODES.get(error.code(), Code.UNREACHABLE), _words(error, endpoint)) from error


@contextmanager
def asking(endpoint: Endpoint) -> Iterator[grpc.Channel]:
    """A channel for as long as the block lasts, whose failures are explained."""
    with channel_to(endpoint) as channel, explained(endpoint):
        yield channel


def _words(error: grpc.RpcError, endpoint: Endpoint) -> str:
    details, who = str(error.details()), f"{endpoint.who} at {endpoint.address}"
    match CODES.get(error.code()):
        case None:
            return f"{who} does not answer: {details}"
        case Code.TIMED_OUT:
            return f"{who} has not answered in time"
        case Code.DENIED if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            return f"{who} does not let you in: {details} ({SHOWN})"
        case Code.DENIED:
            return f"{who} refuses: {details}"
        case _:
            return details
