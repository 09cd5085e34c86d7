"""Makes sure that the broker's programs are there. Knows where they may be and how to fetch them."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.plain_paths import plain_path
from deploy.local.servers.debian import FetchFailed, can_fetch, fetch_packages
from deploy.local.servers.rabbitmq import ERLANG_PLACES, SERVER_PLACES, Installation, RabbitMissing, find_rabbitmq
from deploy.local.settings import LocalSettings

REPOSITORY = Path(__file__).resolve().parents[3]
ADVICE = (
    "Install RabbitMQ 3.10 or newer (Debian, Ubuntu: sudo apt-get install rabbitmq-server), or name one that runs: "
    "TRUSCORE_AMQP_URL=amqp://user:password@host:5672/"
)
# `pwd` without -P keeps the name that the script was called by, which may be a link without blanks.
_ERLANG_ROOT = """#!/bin/sh
ROOTDIR=$(cd "$(dirname "$0")/../usr/lib/erlang" && pwd)
BINDIR=$(echo "$ROOTDIR"/erts-*/bin)
"""
ERLANG_SCRIPTS = {
    "erl": f'{_ERLANG_ROOT}export ROOTDIR BINDIR EMU=beam PROGNAME=erl\nexec "$BINDIR/erlexec" "$@"\n',
    "epmd": f'{_ERLANG_ROOT}exec "$BINDIR/epmd" "$@"\n',
    # RabbitMQ's control programs are scripts of it from version 4 on.
    "escript": f'{_ERLANG_ROOT}ESCRIPT_EMULATOR=$(dirname "$0")/erl exec "$BINDIR/escript" "$@"\n',
}


def programs_folder(settings: LocalSettings) -> Path:
    """Where fetched programs are kept; a relative folder is within the repository."""
    return (REPOSITORY / settings.programs_dir).resolve()


def ready_rabbitmq(settings: LocalSettings) -> Installation:
    """The installed RabbitMQ; without one, the system's packages are unpacked into the local folder first."""
    places = tuple(Path(place) for place in settings.rabbitmq_places.split(":") if place) or SERVER_PLACES
    prefix = programs_folder(settings) / "rabbitmq-programs"
    try:
        return find_rabbitmq(server_places=places, erlang_places=ERLANG_PLACES)
    except RabbitMissing as missing:
        if not settings.rabbitmq_fetch or not can_fetch():
            raise RabbitMissing(f"{missing}. {ADVICE}") from None
    with _one_at_a_time(prefix.with_suffix(".lock")):
        try:
            return _unpacked(prefix)
        except RabbitMissing:
            return _fetch(prefix)


def _fetch(prefix: Path) -> Installation:
    try:
        fetch_packages("rabbitmq-server", prefix, families=("erlang-",))
    except FetchFailed as failure:
        raise RabbitMissing(f"rabbitmq-server is not installed, and {failure}\n{ADVICE}") from None
    return _unpacked(prefix)


def _unpacked(prefix: Path) -> Installation:
    if not prefix.is_dir():
        raise RabbitMissing(f"no {prefix}")
    _write_erl(prefix)
    # The scripts split their own path at blanks, and look for the rest beside the file that a link leads to.
    prefix = plain_path(prefix)
    libraries = ":".join(str(folder) for folder in sorted((prefix / "usr" / "lib").glob("*-linux-*")))
    return find_rabbitmq(
        server_places=tuple(sorted((prefix / "usr" / "lib" / "rabbitmq" / "lib").glob("rabbitmq_server-*/sbin"))),
        erlang_places=(prefix / "bin",),
        library_path=libraries,
    )


def _write_erl(prefix: Path) -> None:
    """Debian's `erl` says /usr/lib/erlang whatever its own place is; ours finds out where it was unpacked."""
    root = prefix / "usr" / "lib" / "erlang"
    if next(root.glob("erts-*/bin"), None) is None:
        raise RabbitMissing(f"the unpacked packages hold no Erlang under {root}")
    (prefix / "bin").mkdir(exist_ok=True)
    for name, text in ERLANG_SCRIPTS.items():
        path = prefix / "bin" / name
        path.write_text(text)
        path.chmod(0o755)


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Two test sessions that both find nothing should not unpack over each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
