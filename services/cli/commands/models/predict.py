"""`truscore predict`: what an exported model says of pictures."""

import csv
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, CommandContext, context_of, print_json
from services.cli.inputs.models import model_file
from services.cli.output.prediction_output import Csv, JsonLines, Screen, Sink

if TYPE_CHECKING:
    from truscore.inference.engine import Engine


def predict(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="An exported ONNX file, a folder of `truscore fetch`, a package.tar, a run, or MODEL[@VERSION].",
        ),
    ],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGES…", help="Pictures, and folders of pictures.")],
    *,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Folder to draw what was found into, a PNG each.")
    ] = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Say results as CSV, with a header.")] = False,
) -> None:
    """Run an exported model on pictures: borders and centring, grades, scores, damage.

    The file itself runs, on the CPU. A picture that can't be read is named, the others are done, and the exit code is
    1. With --json each picture is a line."""
    if as_json and as_csv:
        raise CliError(Code.USAGE, "--json and --csv; accepted: one of them")
    ctx = context_of(context)
    if to is not None and to.exists() and not to.is_dir():
        raise CliError(Code.USAGE, f"--to {str(to)!r} is there and no folder")
    with model_file(ctx, model) as file:
        engine = _engine(file.path)
        ctx.side.print(file.verified, highlight=False, soft_wrap=True)
        paths = _pictures(images)
        sink: Sink
        if as_json:
            sink = JsonLines(print_json, engine.description)
        elif as_csv:
            sink = Csv(csv.writer(sys.stdout, lineterminator="\n"), engine.description)
        else:
            sink = Screen(ctx.screen, engine.description)
        failed = _each(ctx, engine, paths, sink, to)
    sink.finish()
    if failed:
        raise CliError(Code.FAILED, f"{failed} of {len(paths)} pictures could not be used")


def _engine(path: Path) -> "Engine":
    from truscore.inference import UnusableModel

    try:
        from truscore.inference.engine import Engine
        from truscore.inference.model import Model
    except ModuleNotFoundError as error:
        raise CliError(Code.FAILED, f"{error.name} is not installed; accepted: truscore-training[engine]") from error
    try:
        return Engine(model=Model(path))
    except UnusableModel as error:
        raise CliError(Code.USAGE, str(error)) from error


def _pictures(images: Sequence[Path]) -> list[Path]:
    from truscore.inference.engine import files_of

    try:
        return files_of(list(images))
    except FileNotFoundError as error:
        raise CliError(Code.NOT_FOUND, str(error)) from error


def _each(ctx: CommandContext, engine: "Engine", paths: Sequence[Path], sink: Sink, to: Path | None) -> int:
    """One picture after the other; returns how many could not be used."""
    from truscore.inference.engine import InferenceFailed, UnreadableImage

    failed, drawings = 0, _Drawings(to)
    with _progress(ctx, paths) as pictures:
        for path in pictures:
            try:
                prediction = engine.predict(path, drawing=drawings.place_of(path))
            except (UnreadableImage, InferenceFailed, OSError) as error:
                failed += 1
                sink.add_error(str(path), str(error))
            else:
                sink.add(str(path), prediction)
    return failed


@contextmanager
def _progress(ctx: CommandContext, paths: Sequence[Path]) -> Iterator[Iterator[Path]]:
    from rich.progress import Progress

    with Progress(console=ctx.side, transient=True, disable=not ctx.side.is_terminal) as bar:
        yield iter(bar.track(paths, description="predicting"))


class _Drawings:
    """Names for the drawings, one for each picture, none twice."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._taken: set[str] = set()

    def place_of(self, picture: Path) -> Path | None:
        if self._folder is None:
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        name, number = picture.stem, 1
        while name in self._taken:
            number += 1
            name = f"{picture.stem}-{number}"
        self._taken.add(name)
        # Another name than the picture's own, which may lie in the same folder.
        return self._folder / f"{name}.predicted.png"
