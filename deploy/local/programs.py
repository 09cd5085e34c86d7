"""Makes sure that the broker's programs are there. Knows where they may be and how to fetch them."""

import fcntl
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.debian import FetchFailed, can_fetch, fetch_packages
from deploy.local.rabbitmq import ERLANG_PLACES, SERVER_PLACES, Installation, RabbitMissing, find_rabbitmq
from deploy.local.settings import LocalSettings

REPOSITORY = Path(__file__).resolve().parents[2]
ADVICE = (
    "Install RabbitMQ 3.10 or newer (Debian, Ubuntu: sudo apt-get install rabbitmq-server), or name one that runs: "
    "TRUSCORE_AMQP_URL=amqp://user:password@host:5672/"
)


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
        raise RabbitMissing(f"rabbitmq-server is not installed and could not be fetched: {failure}\n{ADVICE}") from None
    _write_erl(prefix)
    return _unpacked(prefix)


def _unpacked(prefix: Path) -> Installation:
    libraries = ":".join(str(folder) for folder in sorted((prefix / "usr" / "lib").glob("*-linux-*")))
    return find_rabbitmq(
        server_places=(prefix / "usr" / "lib" / "rabbitmq" / "bin",),
        erlang_places=(prefix / "bin",),
        library_path=libraries,
    )


def _write_erl(prefix: Path) -> None:
    """Debian's `erl` says /usr/lib/erlang whatever its own place is; ours says where it was unpacked."""
    root = prefix / "usr" / "lib" / "erlang"
    machine = next(root.glob("erts-*/bin"), None)
    if machine is None:
        raise RabbitMissing(f"the unpacked packages hold no Erlang under {root}")
    script = (
        "#!/bin/sh\n"
        f"export ROOTDIR={shlex.quote(str(root))} BINDIR={shlex.quote(str(machine))} EMU=beam PROGNAME=erl\n"
        'exec "$BINDIR/erlexec" "$@"\n'
    )
    (prefix / "bin").mkdir(exist_ok=True)
    for name, text in (("epmd", f'#!/bin/sh\nexec {shlex.quote(str(machine / "epmd"))} "$@"\n'), ("erl", script)):
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
