"""`truscore doctor`: is everything there that a run stands on?"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import Code, context_of, print_json

Deep = Annotated[
    bool,
    typer.Option(
        "--deep",
        help="Also look at rights, clocks, versions of servers, certificates, queues, dead letters, the event log, and "
        "whether the objects that events name are there as they say.",
    ),
]
Days = Annotated[float, typer.Option("--days", min=0.01, help="With --deep: how far back events are read.")]


def doctor(context: typer.Context, as_json: AsJson = False, deep: Deep = False, days: Days = 30) -> None:
    """Look at broker, store, services, GPU, disk and versions; say what to do. Ends with 1 where something fails."""
    from itertools import chain

    from rich.markup import escape

    from services.cli.deep_checks import examine_deeply
    from services.cli.doctor import examine

    ctx, healthy = context_of(context), True
    further = examine_deeply(ctx.addresses, days=days) if deep else ()
    for check in chain(examine(ctx.addresses, Path.cwd()), further):
        healthy = healthy and (check.ok or not check.grave)
        if as_json:
            print_json(asdict(check))
            continue
        mark = "[green]ok[/green]  " if check.ok else "[red]fail[/red]" if check.grave else "[yellow]note[/yellow]"
        ctx.screen.print(f"{mark} {check.name:<10} {escape(check.found)}", highlight=False, soft_wrap=True)
        if not check.ok:
            ctx.screen.print(f"     {escape(check.todo)}", style="dim", highlight=False, soft_wrap=True)
    if not healthy:
        raise typer.Exit(int(Code.FAILED))
