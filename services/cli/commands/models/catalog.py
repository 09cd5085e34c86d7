"""`truscore catalog`: what can be trained."""

from dataclasses import asdict
from typing import Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import context_of, print_json

Formats = Annotated[bool, typer.Option("--formats", help="Which files can be made of each network, and why not.")]


Weights = Annotated[bool, typer.Option("--weights", help="Published weights, their licences, where they come from.")]


def catalog(
    context: typer.Context, formats: Formats = False, weights: Weights = False, as_json: AsJson = False
) -> None:
    """List categories, options and architectures."""
    from truscore.catalog.table import network_of, rows

    if formats:
        _print_formats(context, as_json)
        return
    if weights:
        _print_weights(context, as_json)
        return
    listed = rows()
    if as_json:
        networks_of = {row: [asdict(network_of(base)) for base in row.bases] for row in listed}
        print_json(
            [
                {
                    **asdict(row),
                    "available": row.available,
                    "export_formats": row.export_formats,
                    "networks": networks_of[row],
                }
                for row in listed
            ]
        )
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


def _print_formats(context: typer.Context, as_json: bool) -> None:
    from truscore.catalog.export_formats import FORMATS, HEAD_REASONS, SAMPLING_REASONS, why_not
    from truscore.catalog.networks import NETWORKS

    reasons = {network.name: {name: why_not(network, name) for name in FORMATS} for network in NETWORKS.values()}
    if as_json:
        print_json(
            {
                "formats": [asdict(format) for format in FORMATS.values()],
                "networks": [
                    {"network": name, "formats": {key: {"made": not why, "reason": why} for key, why in of.items()}}
                    for name, of in reasons.items()
                ],
                "heads": [
                    {"category": category, "head_customization": head, "format": name, "reason": reason}
                    for (category, head, name), reason in HEAD_REASONS.items()
                ],
                "samplings": [
                    {"sampling": sampling, "format": name, "reason": reason}
                    for (sampling, name), reason in SAMPLING_REASONS.items()
                ],
            }
        )
        return
    from rich.table import Table

    table = Table("network", *FORMATS, box=None, header_style="bold")
    for name, of in reasons.items():
        table.add_row(name, *("no" if why else "yes" for why in of.values()))
    screen = context_of(context).screen
    screen.print(table)
    for why in dict.fromkeys(why for of in reasons.values() for why in of.values() if why):
        named = ", ".join(dict.fromkeys(key for of in reasons.values() for key, each in of.items() if each == why))
        screen.print(f"{named}: {why}", style="dim")
    for (category, head, name), why in HEAD_REASONS.items():
        screen.print(f"{name} of {category} with head_customization={head}: {why}", style="dim")
    for (sampling, name), why in SAMPLING_REASONS.items():
        screen.print(f"{name} with sampling={sampling}: {why}", style="dim")


def _print_weights(context: typer.Context, as_json: bool) -> None:
    from truscore.catalog.networks import NETWORKS
    from truscore.catalog.packaged_weights import at_hand

    rows = [
        {
            "network": network.name,
            "name": weights.name,
            "licence": weights.licence,
            "source": weights.source,
            "sha256": weights.package.sha256 if weights.package else "",
            "installed": at_hand(network.name, weights.name),
        }
        for network in NETWORKS.values()
        for weights in network.weights
    ]
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table("network", "weights", "licence", "from", "installed here", box=None, header_style="bold")
    for row in rows:
        installed = ("yes" if row["installed"] else "no") if row["sha256"] else ""
        table.add_row(
            str(row["network"]),
            str(row["name"]),
            str(row["licence"]) or "its publisher's",
            str(row["source"]),
            installed,
        )
    context_of(context).screen.print(table)
