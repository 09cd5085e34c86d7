"""`truscore audit`: who asked for what, and whether that record is whole."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, context_of, print_json

if TYPE_CHECKING:
    from truscore.audit import AuditRecord

commands = typer.Typer(no_args_is_help=True, help="Who asked for what: list the record, verify that it is whole.")


@commands.command("list")
def list_(
    context: typer.Context,
    *,
    subject: Annotated[str, typer.Option(help="Only of this run, dataset/version, search, model or service.")] = "",
    action: Annotated[str, typer.Option(help='Only this action, for example "cancel".')] = "",
    identity: Annotated[str, typer.Option(help="Only what this AMQP user published.")] = "",
    person: Annotated[str, typer.Option("--by", help="Only what was asked in the name of this person.")] = "",
    first: Annotated[int, typer.Option("--from", min=1, help="From this record on.")] = 1,
    as_json: AsJson = False,
) -> None:
    """List requests, oldest first. "identity" is the AMQP user that the broker validated; "by" is what the publisher
    says: the account of the studio's session, or the command line's user."""
    from services.cli.handlers.audit import audit_records

    ctx = context_of(context)
    found = audit_records(
        ctx.endpoint("monitor"), first_sequence=first, subject=subject, action=action, identity=identity, person=person
    )
    if as_json:
        for record in found:
            print_json(_plain(record))
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("record", "at", "action", "subject", "identity", "by"):
        table.add_column(name, overflow="fold")
    for row in map(_row, found):
        table.add_row(*map(escape, row))
    ctx.screen.print(table if table.row_count else "no such requests on record")


@commands.command()
def verify(
    context: typer.Context,
    *,
    head: Annotated[
        str,
        typer.Option(
            metavar="SEQUENCE:HASH",
            help="A record noted down before: shows whether newer records were cut off or all were written anew.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Verify the record here, hash by hash: each record that was changed, is missing or is out of place is named. Ends
    with 8 where one is. Prints sequence and hash of the last record: keep them elsewhere, for --head."""
    from truscore.audit import examine

    from services.cli.handlers.audit import audit_records

    ctx = context_of(context)
    audit = examine(audit_records(ctx.endpoint("monitor")), head=_head(head))
    last = f"{audit.last.sequence}:{audit.last.hash}" if audit.last else ""
    if as_json:
        print_json({"records": audit.count, "head": last, "findings": [asdict(found) for found in audit.findings]})
    else:
        for found in audit.findings:
            ctx.screen.print(f"[red]{found.kind}[/red] {found.message}", highlight=False, soft_wrap=True)
        whole = "is whole" if not audit.findings else "is NOT whole"
        ctx.screen.print(f"the chain of {audit.count} records {whole}; its head is {last or 'none'}", soft_wrap=True)
    if audit.findings:
        raise typer.Exit(int(Code.NOT_VERIFIED))


def _head(text: str) -> tuple[int, str] | None:
    if not text:
        return None
    sequence, _, hashed = text.partition(":")
    if not sequence.isdigit() or not hashed:
        raise CliError(Code.USAGE, f"--head {text!r}; accepted is SEQUENCE:HASH, as `truscore audit verify` prints it")
    return int(sequence), hashed


def _row(record: "AuditRecord") -> Iterator[str]:
    asked = record.request
    yield str(record.sequence)
    yield _at(asked.requested_at_ns)
    yield asked.action
    yield asked.subject
    yield asked.identity or "(nobody vouches)"
    yield asked.requested_by


def _plain(record: "AuditRecord") -> dict[str, Any]:
    named = {name: value for name, value in asdict(record.request).items() if name != "requested_at_ns"}
    return {
        "sequence": record.sequence,
        "requested_at": _at(record.request.requested_at_ns),
        **named,
        "previous_hash": record.previous_hash,
        "hash": record.hash,
    }


def _at(at_ns: int) -> str:
    try:
        return datetime.fromtimestamp(at_ns / 1e9, tz=UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return str(at_ns)
