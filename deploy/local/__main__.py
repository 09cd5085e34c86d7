"""`python -m deploy.local setup|up|demo|down`: the local stack as commands."""

import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import psutil
import typer

from deploy.local.complaints import complaints
from deploy.local.debian import FetchFailed
from deploy.local.mlflow_server import ready_mlflow
from deploy.local.processes import ProcessFailed
from deploy.local.programs import REPOSITORY, programs_folder, ready_rabbitmq
from deploy.local.rabbitmq import RabbitMissing
from deploy.local.seaweedfs import WeedMissing, find_weed
from deploy.local.settings import LocalSettings
from deploy.local.stack import AlreadyRunning, Stack, places, running_stack

WATCH_EVERY_S = 0.5
DOWN_TIMEOUT_S = 240.0
EXPECTED = (AlreadyRunning, FetchFailed, ProcessFailed, RabbitMissing, WeedMissing)

commands = typer.Typer(add_completion=False, no_args_is_help=True, help="The whole system on this machine.")
BEGAN = time.time()


def say(text: str) -> None:
    """One line to the person who waits, with the seconds since the command began."""
    typer.echo(f"[{time.time() - BEGAN:6.1f} s] {text}")


@commands.command()
def setup() -> None:
    """Fetch what the stack stands on, where it is missing."""
    settings = LocalSettings()
    with _explained():
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
    with _explained(), _interruptible(), running_stack(settings, say=say) as stack:
        _show_pages(stack.variables)
        say(f"running; addresses in {places(settings).env_file}; Ctrl-C ends it")
        _watch(stack)


@commands.command()
def demo(
    keep: Annotated[
        bool | None, typer.Option(help="Keep the stack until Ctrl-C afterwards; by default at a terminal.")
    ] = None,
    asked_at: Annotated[float, typer.Option(hidden=True, help="When the set-up before this began (Unix time).")] = 0,
) -> None:
    """Train on rendered cards on a stack of its own, or on the one that runs, and show what was made."""
    settings = LocalSettings()
    if asked_at:
        say(f"the set-up before took {BEGAN - asked_at:.0f} s")
    with _explained(), _interruptible():
        if places(settings).pid_file.exists() and (known := places(settings).known()):
            say("using the stack that runs")
            _demonstrate(known, places(settings).logs)
            return
        with running_stack(settings, say=say) as stack:
            say("the stack is up")
            _demonstrate(stack.variables, places(settings).logs)
            _show_pages(stack.variables)
            if keep or (keep is None and sys.stdin.isatty() and sys.stdout.isatty()):
                say("the stack runs on for you to look at; Ctrl-C ends it")
                _watch(stack)


@commands.command()
def down() -> None:
    """Stop the stack that runs in this folder."""
    pid_file = places(LocalSettings()).pid_file
    process = _stack_process(int(pid_file.read_text())) if pid_file.exists() else None
    if process is None:
        typer.echo("no stack runs here")
        return
    process.terminate()
    deadline = time.monotonic() + DOWN_TIMEOUT_S
    while _runs(process):
        if time.monotonic() > deadline:
            typer.echo(f"process {process.pid} still runs after {DOWN_TIMEOUT_S:g} s", err=True)
            raise typer.Exit(1)
        time.sleep(WATCH_EVERY_S)
    typer.echo("stopped")


def _demonstrate(known: Mapping[str, str], logs: Path) -> None:
    # Imported late: the other commands need no image library.
    from deploy.local.demo import DemoFailed, check_quality, run_demo
    from deploy.local.story import longest_delivery_s, phases

    try:
        shown = run_demo(known, say=say)
        reached = check_quality(shown)
    except DemoFailed as failure:
        typer.echo("\n".join([str(failure), *complaints(logs)]), err=True)
        raise typer.Exit(1) from None
    for line in shown.artefacts:
        say(line)
    for phase in phases(shown.events):
        say(f"{phase.name:<26} {phase.seconds:7.1f} s")
    say(f"{'longest delivery':<26} {longest_delivery_s(shown.events):7.3f} s")
    say(f"box AP50 of the validation split: {reached:.3f}")


def _show_pages(known: Mapping[str, str]) -> None:
    for title, name in (("experiments", "TRUSCORE_MLFLOW_URL"), ("broker", "TRUSCORE_RABBITMQ_PAGE")):
        if name in known:
            say(f"{title:<12} {known[name]}")
    for name, url in known.items():
        if name.endswith("_METRICS_URL"):
            say(f"{'metrics':<12} {url}")


def _watch(stack: Stack) -> None:
    while (ended := stack.ended()) is None:
        time.sleep(WATCH_EVERY_S)
    raise ended.failure()


def _stack_process(pid: int) -> psutil.Process | None:
    """The process, if the id still is a stack's: after a crash it may have gone to another program."""
    try:
        process = psutil.Process(pid)
        return process if "deploy.local" in process.cmdline() else None
    except psutil.NoSuchProcess:
        return None


def _runs(process: psutil.Process) -> bool:
    """Whether it does anything yet: one that ended, but whose parent has not looked, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def _interruptible() -> Iterator[None]:
    """End in order on SIGTERM and SIGHUP as on Ctrl-C."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        say("stopped")


@contextmanager
def _explained() -> Iterator[None]:
    """A failure that a person can do something about is one message, not a traceback."""
    try:
        yield
    except EXPECTED as failure:
        typer.echo(str(failure), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    commands()
