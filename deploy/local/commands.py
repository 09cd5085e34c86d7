"""The local stack as commands: `setup`, `up`, `demo` and `down`."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Annotated

import psutil
import typer
from truscore.process.supervised import ProcessFailed

from deploy.local.interrupts import interruptible
from deploy.local.leftovers import end_leftovers
from deploy.local.places import AlreadyRunning, PlaceRefused, Places, places
from deploy.local.plain_paths import NoPlainPath
from deploy.local.progress.log_errors import errors_in_logs
from deploy.local.progress.pages import pages
from deploy.local.servers.debian import FetchFailed
from deploy.local.servers.mlflow_server import ready_mlflow
from deploy.local.servers.programs import REPOSITORY, programs_folder, ready_rabbitmq
from deploy.local.servers.rabbitmq import RabbitMissing
from deploy.local.servers.seaweedfs import WeedMissing, find_weed
from deploy.local.services import studio_link
from deploy.local.settings import LocalSettings
from deploy.local.stack import Stack, running_stack

WATCH_EVERY_S = 0.5
DOWN_TIMEOUT_S = 240.0
INTERRUPTED = 130
EXPECTED = (AlreadyRunning, FetchFailed, NoPlainPath, PlaceRefused, ProcessFailed, RabbitMissing, WeedMissing)

commands = typer.Typer(add_completion=False, no_args_is_help=True, help="The whole system on this machine.")
BEGAN = time.time()


def echo(text: str) -> None:
    """One line to the person who waits, with the seconds since the command began."""
    typer.echo(f"[{time.time() - BEGAN:6.1f} s] {text}")


@commands.command()
def setup() -> None:
    """Fetch what the stack stands on, where it is missing."""
    settings = LocalSettings()
    with _explained("the set-up stops here; run the command again to go on with it"):
        places(settings)
        find_weed()
        if settings.amqp_url is None:
            typer.echo(f"RabbitMQ: {ready_rabbitmq(settings).server}")
        if not settings.mlflow_url:
            venv = programs_folder(settings) / "mlflow-venv"
            typer.echo(f"MLflow: {ready_mlflow(venv, lock=REPOSITORY / 'requirements.lock')}")


@commands.command()
def up() -> None:
    """Start everything and keep it running until Ctrl-C, SIGTERM or `down`."""
    settings = LocalSettings()
    with _explained(interrupted=0), running_stack(settings, echo=echo) as stack:
        _show_pages(stack.variables, places(settings))
        echo(f"running; addresses in {places(settings).env_file}; Ctrl-C ends it")
        _watch(stack)


@commands.command()
def demo(
    keep: Annotated[
        bool | None, typer.Option(help="Keep the stack until Ctrl-C afterwards; by default at a terminal.")
    ] = None,
    setup_began_at: Annotated[float, typer.Option(hidden=True, help="When the set-up began (Unix time).")] = 0,
    short: Annotated[
        bool, typer.Option(help="Few cards and one epoch: shows every step in a minute, but no usable model.")
    ] = False,
) -> None:
    """Train on rendered cards on a stack of its own, or on the one that runs, and show what was made."""
    settings = LocalSettings()
    if setup_began_at:
        echo(f"the set-up before took {BEGAN - setup_began_at:.0f} s")
    with _explained():
        where = places(settings)
        if known := where.known():
            echo(f"using the stack that runs (process {where.owner()})")
            _demonstrate(known, where, short=short)
            return
        with running_stack(settings, echo=echo) as stack:
            echo("the stack is up")
            _demonstrate(stack.variables, where, short=short)
            _show_pages(stack.variables, where)
            if keep or (keep is None and sys.stdin.isatty() and sys.stdout.isatty()):
                echo("the stack runs on for you to look at; Ctrl-C ends it")
                with suppress(KeyboardInterrupt):
                    _watch(stack)


@commands.command()
def down() -> None:
    """Stop the stack that runs in this folder, and clear away what a killed one left."""
    with _explained("no longer waiting; the stack goes on ending"):
        where = places(LocalSettings())
        owner = where.owner()
        if owner is None:
            _clear(where)
            return
        typer.echo(f"stopping the stack of process {owner}: its services finish what they have in hand")
        process = psutil.Process(owner)
        process.terminate()
        deadline = time.monotonic() + DOWN_TIMEOUT_S
        while where.owner() == owner:
            if time.monotonic() > deadline:
                typer.echo(f"process {owner} still runs after {DOWN_TIMEOUT_S:g} s", err=True)
                raise typer.Exit(1)
            time.sleep(WATCH_EVERY_S)
        typer.echo("stopped")


def _clear(where: Places) -> None:
    """Nobody runs a stack here: end what a killed one left and remove its files."""
    files = where.clear()
    count = end_leftovers(where.folder)
    if files or count:
        names = ", ".join(path.name for path in files) or "no files"
        typer.echo(f"no stack runs here; cleared away what a killed one left: {names}, {count} processes")
    else:
        typer.echo("no stack runs here")


def _demonstrate(known: Mapping[str, str], where: Places, *, short: bool) -> None:
    # Imported late: the other commands need no image library.
    from deploy.local.demo import SHORT, DemoFailed, Extent, box_ap50, check_quality, run_demo
    from deploy.local.progress.timeline import longest_delivery_s, phases

    try:
        extent = SHORT if short else Extent()
        shown = run_demo(known, scratch=where.scratch, drawings=where.drawings, echo=echo, extent=extent)
        if not short:
            check_quality(shown)
    except DemoFailed as failure:
        typer.echo("\n".join([str(failure), *errors_in_logs(where.logs)]), err=True)
        raise typer.Exit(1) from None
    for line in shown.artefacts:
        echo(line)
    echo(f"centring of cards that it has not seen, in percent, by the exported file; drawn in {where.drawings}:")
    for line in shown.centring.lines():
        echo(f"  {line}")
    for phase in phases(shown.events):
        echo(f"{phase.name:<26} {phase.seconds:7.1f} s")
    echo(f"{'longest delivery':<26} {longest_delivery_s(shown.events):7.3f} s")
    echo(f"box AP50 of the validation split: {box_ap50(shown):.3f}")


def _show_pages(known: Mapping[str, str], where: Places) -> None:
    for line in pages(known, password_in=where.folder / "rabbitmq" / "secrets.json", login_link=studio_link(known)):
        echo(line)


def _watch(stack: Stack) -> None:
    while (ended := stack.ended()) is None:
        time.sleep(WATCH_EVERY_S)
    raise ended.failure()


@contextmanager
def _explained(stopping: str = "stopping, as you asked", *, interrupted: int = INTERRUPTED) -> Iterator[None]:
    """A failure that a person can do something about is one message, not a traceback; so is an interruption."""
    try:
        with interruptible(lambda: echo(stopping)):
            yield
    except EXPECTED as failure:
        typer.echo(str(failure), err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(interrupted) from None
