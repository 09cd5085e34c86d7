"""Options that several commands take."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Say results as JSON, for machines.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run, an order, or DATASET/VERSION.")]
Category = Annotated[str, typer.Option("--category", "-c", help="Model category, as `truscore catalog` lists it.")]
Option = Annotated[str, typer.Option("--option", "-o", help="Option of the category.")]
Format = Annotated[str, typer.Option("--format", "-f", help="Annotation format; recognised when not given.")]
ClassNames = Annotated[
    list[str], typer.Option("--class-name", help="Name of the next class, for formats that carry none; repeat it.")
]
