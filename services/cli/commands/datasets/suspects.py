"""`truscore suspects`: labels that a finished run casts doubt on."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, context_of


def suspects(
    context: typer.Context,
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="The dataset's index, as the validator keeps it.")],
    predictions: Annotated[
        Path,
        typer.Argument(
            metavar="PREDICTIONS",
            help='Out-of-fold predictions: {"classes": {PATH: [...]}, "boxes": {PATH: [[label, score, x, y, w, h]]}, '
            '"masks": {PATH: [[label, score, RLE]]}}.',
        ),
    ],
    report: Annotated[Path, typer.Argument(metavar="REPORT", help="The dataset's report, as JSON.")],
    *,
    run_id: Annotated[str, typer.Option("--run", metavar="RUN", help="The run that predicted.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the amended report is written.")],
    as_json: AsJson = False,
) -> None:
    """Look for label errors in what a run predicted of images it was not trained on, and amend the dataset's report."""
    from truscore.datasets import InvalidIndex, index_from_json
    from truscore.validation.report.amend import InvalidReport, amended_report, findings_from_predictions
    from truscore.validation.rules.label_errors import InvalidPredictions

    try:
        found = findings_from_predictions(index_from_json(_text(index)), _text(predictions))
        amended = amended_report(_text(report), found, run_id=run_id)
    except (InvalidIndex, InvalidReport, InvalidPredictions) as error:
        raise CliError(Code.USAGE, str(error)) from error
    except ModuleNotFoundError as error:
        raise CliError(Code.FAILED, f"{error.name} is not installed; accepted: truscore-training[audit]") from error
    out.write_text(amended, encoding="utf-8")
    if as_json:
        typer.echo(amended)
        return
    screen = context_of(context).screen
    for one in found:
        screen.print(f"{one.rule} {one.location}: {one.message}", highlight=False, markup=False, soft_wrap=True)
    screen.print(f"{len(found)} labels to look at; the report is in {out}", highlight=False, soft_wrap=True)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(Code.USAGE, f"{path} cannot be read: {error}") from error
