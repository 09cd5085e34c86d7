"""`truscore templates`: the Phoenix templates, one per option."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, context_of, print_json


def templates(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Show the choices of this one, with their reasons.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """List what TruScore trains for production, for `submit --template`."""
    from truscore.recipes import InvalidConfig
    from truscore.recipes.phoenix import template_named
    from truscore.recipes.phoenix import templates as all_templates

    try:
        found = (template_named(name),) if name else all_templates()
    except InvalidConfig as refusal:
        raise CliError(Code.USAGE, str(refusal)) from refusal
    if as_json:
        print_json([{**asdict(template), "config": template.config} for template in found])
        return
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for column in ("key", "value", "why") if name else ("name", "architecture", "network", "why"):
        table.add_column(column, overflow="fold")
    for template in found:
        if name:
            for choice in template.choices:
                table.add_row(choice.key, json.dumps(choice.value), choice.reason)
        else:
            base = template.config["architecture_config"]["base_architecture"]
            table.add_row(template.name, template.architecture, base, template.choices[0].reason)
    context_of(context).screen.print(table)
