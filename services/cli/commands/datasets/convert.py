"""`truscore convert` and `diff`: a dataset in another format, and what differs between two."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.commands.parameters import AsJson, ClassNames, Format
from services.cli.context import CliError, Code, context_of, print_json
from services.cli.inputs.reading import index_of, reading_of

if TYPE_CHECKING:
    from truscore.datasets import ReadResult
    from truscore.datasets.index.comparison import DatasetDifference, ImageChange

MOST_SHOWN = 20
_Folder = Annotated[Path, typer.Argument(metavar="PATH", help="Folder of the dataset.")]


def convert(
    context: typer.Context,
    path: _Folder,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write; it must be empty or new.")],
    *,
    output_format: Annotated[str, typer.Option("--format", "-f", help="Format to write.")],
    input_format: Annotated[str, typer.Option("--from", help="Format to read; recognised when not given.")] = "",
    class_names: ClassNames = [],  # noqa: B006
    lossy: Annotated[bool, typer.Option("--lossy", help="Leave out what the format has no place for.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Say what would be lost, and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a dataset in another format. What that format has no place for is listed first, and refused without
    --lossy; `truscore` has a place for everything."""
    from truscore.datasets.formats.capacity import LossyConversion
    from truscore.datasets.formats.writing import WRITERS, conversion_losses, write_dataset

    if output_format not in WRITERS:
        raise CliError(Code.USAGE, f"--format {output_format!r}; accepted: {', '.join(WRITERS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CliError(Code.USAGE, f"{str(out)!r} is there already and not an empty folder")
    reading = reading_of(path, format=input_format, class_names=class_names)
    index = reading.index
    assert index is not None
    lost = (*_unread(reading), *conversion_losses(index, format=output_format))
    side = context_of(context).side
    for loss in lost:
        side.print(f"lost: {loss}", highlight=False, markup=False, soft_wrap=True)
    written = not check
    if lost and not (lossy or check):
        raise CliError(Code.FAILED, f"format {output_format!r} cannot hold all of it; --lossy writes the rest")
    if written:
        try:
            write_dataset(index, path, out, format=output_format, lossy=lossy)
        except (LossyConversion, ValueError, OSError) as error:
            raise CliError(Code.FAILED, str(error)) from error
    if as_json:
        print_json({"format": output_format, "output": str(out) if written else "", "losses": list(lost)})
    elif written:
        text = f"{len(index.images)} images, {index.annotation_count} annotations in {out} as {output_format}"
        context_of(context).screen.print(text, highlight=False, soft_wrap=True)
    if check and lost:
        raise typer.Exit(int(Code.FAILED))


def _unread(reading: "ReadResult") -> Iterator[str]:
    """What was not read in the first place cannot be written."""
    from truscore.validation import BY_ID, Severity

    for problem in reading.problems:
        if BY_ID[problem.code].severity is Severity.ERROR:
            yield f"{problem.message} ({problem.location or problem.code})"


def diff(
    context: typer.Context,
    before: Annotated[Path, typer.Argument(metavar="A", help="Folder of a dataset.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Folder of another.")],
    *,
    format: Format = "",
    class_names: ClassNames = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Show how dataset B differs from A: images, classes, marks, labels and scores. Ends with 1 where it does."""
    from truscore.datasets.index.comparison import compare

    one, other = (index_of(path, format=format, class_names=class_names) for path in (before, after))
    found = compare(one, other)
    if as_json:
        print_json(asdict(found))
    else:
        for line in _lines(found) if not found.is_empty else ("no difference",):
            context_of(context).screen.print(line, highlight=False, markup=False, soft_wrap=True)
    if not found.is_empty:
        raise typer.Exit(int(Code.FAILED))


def _lines(found: "DatasetDifference") -> Iterator[str]:
    yield from _listed("+ image", found.images_added)
    yield from _listed("- image", found.images_removed)
    yield from _listed("> image", [f"{old} is now {new}" for old, new in found.moved.items()])
    yield from _listed("+ class", found.classes_added)
    yield from _listed("- class", found.classes_removed)
    if found.order_changed:
        yield "~ classes are in another order"
    yield from _listed("~ grade", [f"{name}: {old} to {new}" for name, (old, new) in found.grades_changed.items()])
    yield from _listed("~ image", [f"{change.path}: {', '.join(_changes(change))}" for change in found.images_changed])


def _listed(what: str, rows: Any) -> Iterator[str]:
    yield from (f"{what} {row}" for row in list(rows)[:MOST_SHOWN])
    if len(rows) > MOST_SHOWN:
        yield f"{what} and {len(rows) - MOST_SHOWN} more"


def _changes(change: "ImageChange") -> Iterator[str]:
    if change.pixels:
        yield "other pixels or metadata"
    yield from (f"+{count} {name}" for name, count in change.added.items())
    yield from (f"-{count} {name}" for name, count in change.removed.items())
    if change.labels is not None:
        old, new = ("unlabelled" if names is None else "|".join(names) or "nothing" for names in change.labels)
        yield f"labels {old} to {new}"
    yield from (f"score {name}" for name in change.scores)
    if change.part is not None:
        old, new = (part or "no part of its own" for part in change.part)
        yield f"part {old} to {new}"
