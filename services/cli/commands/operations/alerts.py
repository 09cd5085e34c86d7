"""`truscore alerts`: what the monitor says a person should know, and taking note of it."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import context_of, print_json, requested_by

if TYPE_CHECKING:
    from services.cli.handlers.alerts import AlertView

commands = typer.Typer(no_args_is_help=True, help="Alerts that stand: look at them, take note of one.")


@commands.command("list")
def list_(
    context: typer.Context,
    *,
    subject: Annotated[str, typer.Option(help="Only about this run, host, queue or routing key.")] = "",
    rule: Annotated[str, typer.Option(help='Only of this rule, for example "run.stalled".')] = "",
    as_json: AsJson = False,
) -> None:
    """List alerts that stand, newest first. What to do about each is in docs/operations.md under the rule's name."""
    from services.cli.handlers.alerts import standing_alerts

    ctx = context_of(context)
    found = list(standing_alerts(ctx.endpoint("monitor"), subject=subject, rule=rule))
    if as_json:
        print_json([asdict(alert) for alert in found])
        return
    if not found:
        ctx.screen.print("no alert stands")
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("alert", "severity", "rule", "about", "what", "since", "taken note of by"):
        table.add_column(name, overflow="fold")
    for alert in found:
        table.add_row(*map(escape, _row(alert)))
    ctx.screen.print(table)


@commands.command("ack")
def acknowledge(
    context: typer.Context,
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="The alert, as `list` names it.")],
    *,
    note: Annotated[str, typer.Option(help="What there is to say of it.")] = "",
    silence_h: Annotated[
        float, typer.Option("--silence", min=0, max=720, help="Hours in which nothing is sent to people about it.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Take note of an alert, for everybody to see. It stands until its cause is gone."""
    from services.cli.handlers import alerts

    ctx = context_of(context)
    view = alerts.acknowledge(ctx.endpoint("monitor"), alert, by=requested_by(), note=note, silence_s=silence_h * 3600)
    if as_json:
        print_json(asdict(view))
        return
    until = f", silenced until {view.silenced_until:%Y-%m-%d %H:%M} UTC" if view.silenced_until else ""
    ctx.screen.print(
        f"{view.rule} about {view.subject}: taken note of by {view.acknowledged_by}{until}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _row(alert: "AlertView") -> Iterator[str]:
    yield alert.alert_id
    yield alert.severity
    yield alert.rule
    yield alert.subject
    yield alert.message
    yield f"{alert.raised_at:%Y-%m-%d %H:%M:%S}"
    yield f"{alert.acknowledged_by}: {alert.note}" if alert.note else alert.acknowledged_by
