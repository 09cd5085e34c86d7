"""What every command works with: addresses, the store, standard output for results and standard error for remarks."""

import getpass
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from truscore.storage import S3Store


# A pipe has no width: wide enough for tables to keep their lines.
PIPED_WIDTH = 200


class Code(IntEnum):
    """How the command ends; shown by `truscore --help`."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    REJECTED = 5
    CANCELLED = 6
    TIMED_OUT = 7
    NOT_VERIFIED = 8
    DENIED = 9
    INTERRUPTED = 130


class CliError(Exception):
    """Ends the command with words on stderr: the thing, the value, and what is accepted or can be done."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """Where the system answers; empty where not known. `where` says in words what was looked at."""

    amqp_url: str
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str
    bucket: str
    monitor: str
    tracker: str
    validator: str
    trainer: str
    exporter: str
    search: str
    studio: str
    mlflow_url: str
    where: str
    # Ed25519 public keys that released models have to be signed with, hexadecimal; none for no such demand.
    trusted_keys: tuple[str, ...] = ()
    # The token for gRPC as it is now, and whether it may go without TLS to other machines.
    token: Callable[[], str] = str
    plaintext_token: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A gRPC service: what messages call it, where it is, and the token that it is shown."""

    who: str
    address: str
    token: Callable[[], str] = str
    plaintext_token: bool = False


WHO = {"monitor": "the monitor", "tracker": "the experiment tracker", "search": "the hyper-parameter search"}


VARIABLES = {
    "amqp_url": "TRUSCORE_AMQP_URL",
    "s3_endpoint": "TRUSCORE_S3_ENDPOINT",
    "s3_access_key": "TRUSCORE_S3_ACCESS_KEY",
    "s3_secret_key": "TRUSCORE_S3_SECRET_KEY",
    "monitor": "TRUSCORE_MONITOR_ADDRESS",
    "tracker": "TRUSCORE_TRACKER_ADDRESS",
    "search": "TRUSCORE_SEARCH_ADDRESS",
}


class CommandContext:
    """Addresses are read when they are first needed, so that what needs none works anywhere."""

    def __init__(self, read: Callable[[], Addresses]) -> None:
        self._read = read

    @cached_property
    def addresses(self) -> Addresses:
        return self._read()

    def need(self, name: str) -> str:
        """The address; CliError where it is not set."""
        value: str = getattr(self.addresses, name)
        if not value:
            raise CliError(
                Code.USAGE,
                f"{VARIABLES[name]} is not set in {self.addresses.where}: set it, or start a stack with `make up`",
            )
        return value

    def endpoint(self, name: str) -> Endpoint:
        """The monitor, the tracker or the search; CliError where its address is not set."""
        return self._endpoint(name, self.need(name))

    def endpoint_if_set(self, name: str) -> Endpoint | None:
        address: str = getattr(self.addresses, name)
        return self._endpoint(name, address) if address else None

    def _endpoint(self, name: str, address: str) -> Endpoint:
        known = self.addresses
        return Endpoint(who=WHO[name], address=address, token=known.token, plaintext_token=known.plaintext_token)

    def store(self) -> "S3Store":
        from truscore.storage import S3Store

        return S3Store(self.need("s3_endpoint"), self.need("s3_access_key"), self.need("s3_secret_key"))

    @cached_property
    def screen(self) -> "Console":
        """For results that a person reads."""
        from rich.console import Console

        return Console() if sys.stdout.isatty() else Console(width=PIPED_WIDTH)

    @cached_property
    def side(self) -> "Console":
        """For progress and remarks; never mixed into results."""
        from rich.console import Console

        return Console(stderr=True)


@contextmanager
def store_explained() -> Iterator[None]:
    """The object store's failures in the words and exit codes of a command."""
    from truscore.storage import InvalidUri, ObjectMissing, StoreError

    try:
        yield
    except InvalidUri as error:
        raise CliError(Code.USAGE, str(error)) from error
    except ObjectMissing as error:
        raise CliError(Code.NOT_FOUND, str(error)) from error
    except StoreError as error:
        raise CliError(Code.UNREACHABLE, str(error)) from error


def print_json(value: Any) -> None:
    """One line of JSON on stdout."""
    typer.echo(json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def context_of(context: typer.Context) -> CommandContext:
    ctx: CommandContext = context.find_object(CommandContext) or context.obj
    return ctx


def requested_by() -> str:
    """Who asks, as this machine calls them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"
