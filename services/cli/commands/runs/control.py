"""`truscore cancel`, `pause` and `resume`: what people ask of a run."""

import uuid
from collections.abc import Callable
from typing import Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, CommandContext, context_of, print_json, requested_by

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run, run-….")]
Reason = Annotated[str, typer.Option(help="Why; it is kept with the run.")]
RequestId = Annotated[str, typer.Option(help="Tells requests apart; one is made when not given.")]
Unchecked = Annotated[
    bool,
    typer.Option(
        "--unchecked", help="Ask without the monitor: a request about a run that no trainer knows yet waits for it."
    ),
]
# What the monitor says of a run that a request can do nothing to any more. A failure may pass, so a resume tries again.
OVER = {
    "cancel": ("EXPORTING", "EXPORTED", "FAILED"),
    "pause": ("EXPORTING", "EXPORTED", "FAILED", "CANCELLED"),
    "resume": ("EXPORTING", "EXPORTED", "CANCELLED"),
}


def _stopping(verb: str, text: str) -> Callable[..., None]:
    """The command of one request that stops a run."""

    def stop(
        context: typer.Context,
        run_id: RunArgument,
        *,
        reason: Reason = "",
        request_id: RequestId = "",
        unchecked: Unchecked = False,
        as_json: AsJson = False,
    ) -> None:
        run_id = run_id if unchecked else _known(context_of(context), verb, run_id)
        _request(context, verb, run_id, reason=reason, request_id=request_id, as_json=as_json)

    stop.__name__, stop.__doc__ = verb, text
    return stop


cancel = _stopping("cancel", "End a run; it takes effect within one optimiser step.")
pause = _stopping("pause", "Halt a run with a checkpoint to go on from.")


def resume(
    context: typer.Context,
    run_id: RunArgument,
    *,
    request_id: RequestId = "",
    unchecked: Unchecked = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a paused run."""
    run_id = run_id if unchecked else _known(context_of(context), "resume", run_id)
    _request(context, "resume", run_id, reason="", request_id=request_id, as_json=as_json)


def _known(ctx: CommandContext, verb: str, reference: str) -> str:
    """The run's id. CliError where the monitor knows no such run, or one that the request can do nothing to."""
    from services.cli.handlers.runs import named_run

    view = named_run(ctx, reference, outcome="nothing was requested")
    state = view.state.lower()
    if view.attached_run_id:
        return view.attached_run_id
    if not view.run_id.startswith("run-"):
        raise CliError(
            Code.NOT_FOUND, f"{reference} has no run yet, it is {state}; accepted: a run, when a trainer has taken it"
        )
    if view.state in OVER[verb]:
        raise CliError(Code.FAILED, f"{view.run_id} is {state}: there is nothing left to {verb}")
    return view.run_id


def _request(context: typer.Context, verb: str, run_id: str, *, reason: str, request_id: str, as_json: bool) -> None:
    from services.cli.handlers.publish import request

    ctx, request_id = context_of(context), request_id or uuid.uuid4().hex
    event_id = request(
        ctx.need("amqp_url"), verb, run_id, reason=reason, requested_by=requested_by(), request_id=request_id
    )
    if as_json:
        print_json({"event_id": event_id, "run_id": run_id, "asked": verb, "request_id": request_id})
    else:
        ctx.screen.print(f"requested: {verb} {run_id}", highlight=False)
