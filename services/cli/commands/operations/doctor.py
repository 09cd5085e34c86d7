"""`truscore doctor`: is everything there that a run stands on?"""

from dataclasses import asdict
from pathlib import Path

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import Code, context_of, print_json


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Look at broker, store, services, GPU, disk and versions; say what to do. Ends with 1 where something fails."""
    from rich.markup import escape

    from services.cli.doctor import examine

    ctx, healthy = context_of(context), True
    for check in examine(ctx.addresses, Path.cwd()):
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
