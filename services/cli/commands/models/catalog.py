"""`truscore catalog`: what can be trained."""

from dataclasses import asdict

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import context_of, print_json


def catalog(context: typer.Context, as_json: AsJson = False) -> None:
    """List categories, options and architectures."""
    from truscore.catalog.table import network_of, rows

    listed = rows()
    if as_json:
        networks_of = {row: [asdict(network_of(base)) for base in row.bases] for row in listed}
        print_json([{**asdict(row), "available": row.available, "networks": networks_of[row]} for row in listed])
        return
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("category", "option", "architecture", "task", "networks"):
        table.add_column(name, overflow="fold")
    for row in listed:
        style = None if row.available else "dim"
        networks = ", ".join(row.bases) or row.reason
        table.add_row(row.category, row.option, row.architecture, row.task, networks, style=style)
    context_of(context).screen.print(table)
