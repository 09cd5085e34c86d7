"""`truscore cancel`, `pause` and `resume`: what people ask of a run."""

import getpass
import uuid
from typing import Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import desk_of, say_json

Run = Annotated[str, typer.Argument(metavar="RUN", help="The run, run-….")]
Reason = Annotated[str, typer.Option(help="Why; it is kept with the run.")]
RequestId = Annotated[str, typer.Option(help="Tells requests apart; one is made when not given.")]


def cancel(
    context: typer.Context, run_id: Run, reason: Reason = "", request_id: RequestId = "", as_json: AsJson = False
) -> None:
    """End a run; it takes effect within one optimiser step."""
    _ask(context, "cancel", run_id, reason=reason, request_id=request_id, as_json=as_json)


def pause(
    context: typer.Context, run_id: Run, reason: Reason = "", request_id: RequestId = "", as_json: AsJson = False
) -> None:
    """Halt a run with a checkpoint to go on from."""
    _ask(context, "pause", run_id, reason=reason, request_id=request_id, as_json=as_json)


def resume(context: typer.Context, run_id: Run, request_id: RequestId = "", as_json: AsJson = False) -> None:
    """Go on with a paused run."""
    _ask(context, "resume", run_id, reason="", request_id=request_id, as_json=as_json)


def _ask(context: typer.Context, verb: str, run_id: str, *, reason: str, request_id: str, as_json: bool) -> None:
    from services.cli.handlers.publish import request

    desk, request_id = desk_of(context), request_id or uuid.uuid4().hex
    event_id = request(desk.need("amqp_url"), verb, run_id, reason=reason, requested_by=_who(), request_id=request_id)
    if as_json:
        say_json({"event_id": event_id, "run_id": run_id, "asked": verb, "request_id": request_id})
    else:
        desk.screen.print(f"asked {run_id} to {verb}", highlight=False)


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"
