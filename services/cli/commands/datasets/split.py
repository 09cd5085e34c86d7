"""`truscore split`: how a dataset is divided."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.commands.parameters import AsJson, ClassNames, Format
from services.cli.context import CliError, Code, context_of, print_json
from services.cli.inputs.reading import index_of

if TYPE_CHECKING:
    from rich.console import Console
    from truscore.datasets import DatasetIndex, Split
    from truscore.datasets.splitting.split_summary import Groups, Part

Share = Annotated[float, typer.Option(min=0, max=0.9, help="Share of the images, where folders name no parts.")]


def split(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder of the dataset.")],
    *,
    format: Format = "",
    class_names: ClassNames = [],  # noqa: B006
    folds: Annotated[
        int, typer.Option("--folds", "-k", min=0, max=1000, help="Folds of a cross-validation, in place of parts.")
    ] = 0,
    validation: Share = 0.15,
    test: Share = 0.15,
    seed: Annotated[int, typer.Option(min=0, help="The same seed divides the same images alike.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Show how a run divides a dataset: images of each class by part, and what is kept together."""
    from truscore.datasets import InvalidSplit, fold_dataset, split_dataset
    from truscore.datasets.splitting.split_summary import groups_in, part_of

    index = index_of(path, format=format, class_names=class_names)
    try:
        if folds:
            splits = fold_dataset(index, folds=folds, seed=seed)
            named = {f"fold {number}": one.validation for number, one in enumerate(splits, start=1)}
        else:
            named = _parts(split_dataset(index, seed=seed, fractions=(1 - validation - test, validation, test)))
    except InvalidSplit as error:
        raise CliError(Code.USAGE, str(error)) from error
    parts = {name: part_of(index, paths) for name, paths in named.items()}
    groups = groups_in(index)
    if as_json:
        print_json(_plain(index, parts, groups, named, seed))
    else:
        _show(context_of(context).screen, index, parts, groups)


def _parts(made: "Split") -> dict[str, tuple[str, ...]]:
    return {"train": made.train, "validation": made.validation, "test": made.test}


def _plain(
    index: "DatasetIndex",
    parts: Mapping[str, "Part"],
    groups: "Groups",
    named: Mapping[str, tuple[str, ...]],
    seed: int,
) -> dict[str, Any]:
    return {
        "seed": seed,
        "images": len(index.images),
        "class_names": index.class_names,
        "groups": asdict(groups),
        "parts": {name: {**asdict(part), "paths": named[name]} for name, part in parts.items()},
    }


def _show(screen: "Console", index: "DatasetIndex", parts: Mapping[str, "Part"], groups: "Groups") -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    table.add_column("images with")
    for name in parts:
        table.add_column(name, justify="right")
    for number, name in enumerate(index.class_names):
        table.add_row(name, *(str(part.by_class[number]) for part in parts.values()))
    if any(part.nothing for part in parts.values()):
        table.add_row("nothing", *(str(part.nothing) for part in parts.values()), style="dim")
    table.add_row("in all", *(str(part.images) for part in parts.values()), style="bold")
    screen.print(table)
    several = f", {groups.of_several} of them of several images" if groups.of_several else ""
    largest = f"; the largest holds {groups.largest}, among them {groups.largest_holds}" if groups.of_several else ""
    text = f"{len(index.images)} images in {groups.count} groups that stay together{several}{largest}"
    screen.print(text, highlight=False, markup=False, soft_wrap=True)
