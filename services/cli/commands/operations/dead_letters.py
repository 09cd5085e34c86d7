"""`truscore dead`: messages that services gave up on."""

import asyncio
from collections.abc import Coroutine
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, context_of, print_json, requested_by

if TYPE_CHECKING:
    from truscore.bus.consuming.dead_letters import DeadLetter

T = TypeVar("T")
Service = Annotated[str, typer.Argument(help='Service that gave up, for example "trainer".')]
Letters = Annotated[list[str], typer.Argument(metavar="[LETTER]…", help="Letters, as `list` names them.")]

commands = typer.Typer(
    no_args_is_help=True, help="Messages that services gave up on: look at them, send them home, delete them."
)


@commands.command("list")
def list_(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="Only this service's; all of them when not given.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most letters of each service.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List dead letters, oldest first."""
    from truscore.bus.consuming.dead_letters import list_dead, services

    ctx = context_of(context)
    amqp_url = ctx.need("amqp_url")
    letters = [
        letter
        for name in ([service] if service else services())
        for letter in _answer(list_dead(amqp_url, name, limit=limit))
    ]
    if as_json:
        print_json([asdict(letter) for letter in letters])
        return
    if not letters:
        ctx.screen.print("no dead letters")
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("letter", "service", "message", "about", "kind", "reason", "at"):
        table.add_column(name, overflow="fold")
    for letter in letters:
        row = (letter.letter_id, letter.service, letter.routing_key, letter.correlation_id, letter.kind)
        table.add_row(*map(escape, row), escape(letter.reason), letter.at)
    ctx.screen.print(table)


@commands.command()
def show(
    context: typer.Context,
    service: Service,
    letter: Annotated[str, typer.Argument(help="The letter, or its first digits.")],
    as_json: AsJson = False,
) -> None:
    """Show a dead letter whole: reason, exception, trace and content."""
    from truscore.bus.consuming.dead_letters import show_dead

    ctx = context_of(context)
    found = _answer(show_dead(ctx.need("amqp_url"), service, letter))
    if as_json:
        print_json(asdict(found))
        return
    for name, value in asdict(found).items():
        ctx.screen.print(f"[bold]{name}[/bold]", end="\n" if "\n" in str(value) else "  ")
        ctx.screen.print(str(value), markup=False, highlight=False, soft_wrap=True)


@commands.command()
def replay(
    context: typer.Context,
    service: Service,
    letters: Letters = [],  # noqa: B006
    everything: Annotated[bool, typer.Option("--all", help="All letters of the service.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put dead letters back into their inboxes, with all their tries before them."""
    from truscore.bus.consuming.dead_letters import replay_dead

    from services.cli.handlers.publish import announce_replay

    if bool(letters) is everything:
        raise CliError(Code.USAGE, "name the letters to replay, or give --all; accepted is one of both")
    ctx = context_of(context)
    amqp_url = ctx.need("amqp_url")
    chosen = _chosen(amqp_url, service, letters)
    if chosen:
        # Said before it is done: a replay that nobody asked for on record can't happen.
        announce_replay(amqp_url, service, [letter.event_id for letter in chosen], requested_by=requested_by())
    replayed = _answer(replay_dead(amqp_url, service, [letter.letter_id for letter in chosen])) if chosen else []
    if as_json:
        print_json([asdict(letter) for letter in replayed])
        return
    for letter in replayed:
        ctx.screen.print(f"{letter.letter_id} is back in {letter.inbox}", highlight=False)
    ctx.side.print(f"{len(replayed)} replayed", highlight=False)


@commands.command()
def discard(
    context: typer.Context,
    service: Service,
    letters: Letters = [],  # noqa: B006
    *,
    everything: Annotated[bool, typer.Option("--all", help="All letters of the service.")] = False,
    reason: Annotated[str, typer.Option(help="Why nobody needs them; it goes on the audit record.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Delete them without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete dead letters for good. Who asked, and why, is on the audit record before the first is gone."""
    from truscore.bus.consuming.dead_letters import discard_dead

    from services.cli.handlers.publish import announce_discard

    if bool(letters) is everything:
        raise CliError(Code.USAGE, "name the letters to discard, or give --all; accepted is one of both")
    if not reason.strip():
        raise CliError(Code.USAGE, "--reason is empty: say why nobody needs these letters")
    ctx = context_of(context)
    amqp_url = ctx.need("amqp_url")
    chosen = _chosen(amqp_url, service, letters)
    if chosen and not yes:
        typer.confirm(f"delete {len(chosen)} letters of {service} for good?", abort=True, err=True)
    if chosen:
        event_ids = [letter.event_id for letter in chosen]
        announce_discard(amqp_url, service, event_ids, reason=reason, requested_by=requested_by())
    discarded = _answer(discard_dead(amqp_url, service, [letter.letter_id for letter in chosen])) if chosen else []
    if as_json:
        print_json([asdict(letter) for letter in discarded])
        return
    for letter in discarded:
        ctx.screen.print(f"{letter.letter_id} of {letter.inbox} is gone", highlight=False)
    ctx.side.print(f"{len(discarded)} discarded", highlight=False)


def _chosen(amqp_url: str, service: str, letter_ids: list[str]) -> list["DeadLetter"]:
    """The letters that are named, or all. CliError where none is there that was named."""
    from truscore.bus.consuming.dead_letters import LIST_LIMIT, list_dead
    from truscore.bus.topology import DEAD_LETTERS_MAX, dead_name

    found: list[DeadLetter] = _answer(
        list_dead(amqp_url, service, limit=DEAD_LETTERS_MAX if letter_ids else LIST_LIMIT)
    )
    chosen = [letter for letter in found if not letter_ids or letter.letter_id.startswith(tuple(letter_ids))]
    if letter_ids and not chosen:
        raise CliError(Code.NOT_FOUND, f"{dead_name(service)} has no letter {', '.join(letter_ids)}")
    return chosen


def _answer(question: Coroutine[Any, Any, T]) -> T:
    from truscore.bus import BusUnavailable, UnknownMessage
    from truscore.bus.consuming.dead_letters import NoSuchLetter

    try:
        return asyncio.run(question)
    except (UnknownMessage, NoSuchLetter) as error:
        raise CliError(Code.NOT_FOUND, str(error)) from error
    except BusUnavailable as error:
        raise CliError(Code.UNREACHABLE, str(error)) from error
