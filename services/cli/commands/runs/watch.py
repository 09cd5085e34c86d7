"""`truscore watch`: a run as it goes, until it ended."""

import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, CommandContext, context_of, print_json

if TYPE_CHECKING:
    from services.cli.handlers.runs import Monitor
    from services.cli.output.runs import RunView

RECONNECT_S = 2.0
RECONNECT_FOR_S = 60.0
# How long an end that was before the order may be shown by a monitor that has not last_answer_at the order yet.
NEWS_S = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """When to stop watching beside the run's end. An end from before `since` is not the end that is waited for."""

    timeout_s: float | None = None
    since: datetime | None = None


def watch(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="RUN|DATASET", help="A run, DATASET/VERSION, or a dataset.")],
    timeout_s: Annotated[
        float | None, typer.Option("--timeout", min=0.1, help="Seconds after which to give up.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a run's progress, curves and time to go until it ended. Ends with the run's own exit code."""
    follow(context_of(context), reference, as_json=as_json, stop=Stop(timeout_s=timeout_s))


def follow(ctx: CommandContext, reference: str, *, as_json: bool, stop: Stop, order_event_id: str = "") -> None:
    """Shows every change and ends the command by how the run ended.

    With `order_event_id`, the run is the one that this order is attached to, which may have another dataset's name.
    """
    from services.cli.handlers.runs import Monitor

    monitor = Monitor(ctx.endpoint("monitor"))
    try:
        views = _views(monitor, order_event_id or _resolved(monitor, reference), reference, stop)
        last = _print_each(views) if as_json else _show_each(ctx, views)
    except KeyboardInterrupt:
        # The run goes on; only the watching ends.
        raise typer.Exit(int(Code.INTERRUPTED)) from None
    finally:
        monitor.close()
    if last is None or last.end is None:
        raise CliError(Code.UNREACHABLE, f"the monitor stopped telling of {reference} before it ended")
    raise typer.Exit(int(last.end))


def _resolved(monitor: "Monitor", reference: str) -> str:
    """A dataset without a version is its newest run."""
    if "/" in reference or reference.startswith(("run-", "order-")):
        return reference
    runs = monitor.list(dataset_id=reference, limit=1)
    if not runs:
        raise CliError(Code.NOT_FOUND, f"no run of dataset {reference!r} is known; accepted: a run, DATASET/VERSION")
    return runs[0].run_id


def _views(monitor: "Monitor", watched: str, reference: str, stop: Stop) -> Iterator["RunView"]:
    """Each change of what is watched once, under its name for people; a monitor that goes away is waited for."""
    began = last_answer_at = time.monotonic()
    while True:
        left_s = None if stop.timeout_s is None else began + stop.timeout_s - time.monotonic()
        if left_s is not None and left_s <= 0:
            raise CliError(Code.TIMED_OUT, f"{reference} has not ended within {stop.timeout_s:g} s")
        try:
            for view in monitor.watch(watched, timeout_s=left_s):
                last_answer_at = time.monotonic()
                if _is_old_news(view, stop, waited_s=last_answer_at - began):
                    break
                # What isn't known yet is called by what was asked for: an event id says nothing to people.
                yield view if view.known else replace(view, run_id=reference)
                if view.end is not None:
                    return
        except CliError as error:
            if error.code is Code.TIMED_OUT and stop.timeout_s is not None:
                raise CliError(Code.TIMED_OUT, f"{reference} has not ended within {stop.timeout_s:g} s") from error
            if error.code is not Code.UNREACHABLE or time.monotonic() - last_answer_at > RECONNECT_FOR_S:
                raise
        time.sleep(RECONNECT_S)


def _is_old_news(view: "RunView", stop: Stop, *, waited_s: float) -> bool:
    if view.end is None or stop.since is None or waited_s > NEWS_S:
        return False
    return (view.updated_at or datetime.min.replace(tzinfo=UTC)) < stop.since


def _print_each(views: Iterator["RunView"]) -> "RunView | None":
    last = None
    for last in views:
        print_json(asdict(last))
    return last


def _show_each(ctx: CommandContext, views: Iterator["RunView"]) -> "RunView | None":
    """A picture that changes at a terminal, a line for each step of the run elsewhere."""
    from services.cli.output.screen import line, picture

    last = None
    if not sys.stdout.isatty():
        last_line = ""
        for last in views:
            # The time to go changes with every step: a new line is for what happened.
            if (happened := line(replace(last, eta_s=0))) != last_line:
                ctx.screen.print(line(last), highlight=False, soft_wrap=True)
                last_line = happened
        return last
    from rich.live import Live

    with Live(console=ctx.screen, refresh_per_second=4) as live:
        for last in views:
            live.update(picture(last, width=ctx.screen.width))
    return last
