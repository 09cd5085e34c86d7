"""`truscore validate`: a dataset on this disk by the rules of the service."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.parameters import AsJson, ClassNames, Format
from services.cli.context import CliError, Code, CommandContext, context_of

if TYPE_CHECKING:
    from rich.console import Console
    from truscore.validation import CacheOptions, Policy, ValidationCallbacks, Verdict

WORDS = {"reading": "reading images", "judging": "applying the rules"}
STYLES = {"error": "red", "warning": "yellow", "info": "dim"}


def validate(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder of the dataset.")],
    *,
    format: Format = "",
    category: Annotated[str, typer.Option("--category", "-c", help="Category to validate it for.")] = "",
    option: Annotated[str, typer.Option("--option", "-o", help="Option to validate it for.")] = "",
    architecture: Annotated[
        str, typer.Option("--architecture", "-a", help="Architecture of the option that is to learn from it.")
    ] = "",
    class_names: ClassNames = [],  # noqa: B006
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="Thresholds and severities that differ, as TOML.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report there as one page for people.")
    ] = None,
    remember: Annotated[
        Path | None,
        typer.Option(
            "--remember", metavar="FILE", help="Keep what images measure there: the next time only new ones are read."
        ),
    ] = None,
    reread: Annotated[
        bool, typer.Option("--reread", help="With --remember: read even images that look unchanged on the disk.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Validate a dataset by the rules of the dataset-validator. Ends with 1 where it would be rejected."""
    from truscore.datasets import FORMATS
    from truscore.validation import report_page, report_to_json, validate_folder

    if not path.is_dir():
        raise CliError(Code.USAGE, f"{str(path)!r} is no folder; accepted: the folder of a dataset")
    if format and format not in FORMATS:
        raise CliError(Code.USAGE, f"--format {format!r}; accepted: {', '.join(FORMATS)}")
    if html is not None and not html.absolute().parent.is_dir():
        raise CliError(Code.USAGE, f"--html {str(html)!r}: {str(html.absolute().parent)!r} is no folder")
    with _progress_bar(errors := _stderr()) as callbacks:
        verdict = validate_folder(
            path,
            format=format,
            category=category,
            option=option,
            architecture=architecture,
            class_names=class_names,
            policy=_policy(policy, category),
            cache=_memory(remember, reread),
            callbacks=callbacks,
        )
    report = report_to_json(verdict, about={"path": str(path), "category": category, "option": option})
    if html is not None:
        html.write_text(report_page(report, verdict, root=path))
        errors.print(f"the report is in {html}", highlight=False, soft_wrap=True)
    if as_json:
        typer.echo(report)
    else:
        _show(context_of(context), verdict)
    if not verdict.accepted:
        raise typer.Exit(int(Code.FAILED))


@contextmanager
def _progress_bar(console: "Console") -> Iterator["ValidationCallbacks"]:
    """Moved by the validation's reports of progress; on a terminal only, and gone afterwards."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from truscore.validation import ValidationCallbacks

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("listing files", total=None)

        def report(stage: str, done: int, total: int) -> None:
            bar.update(task, description=WORDS.get(stage, stage), completed=done, total=total or None)

        yield ValidationCallbacks(on_progress=report)


def _memory(file: Path | None, reread: bool) -> "CacheOptions | None":
    from truscore.datasets import FileReuse
    from truscore.validation import CacheOptions

    return None if file is None else CacheOptions(file=file, files=FileReuse.REREAD if reread else FileReuse.TRUSTED)


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True)


def _policy(path: Path | None, category: str) -> "Policy":
    from truscore.validation import InvalidPolicy, policy_for, read_policy

    try:
        policy = policy_for(category)
        return policy if path is None else read_policy(path, base=policy)
    except InvalidPolicy as error:
        raise CliError(Code.USAGE, str(error)) from error


def _show(ctx: CommandContext, verdict: "Verdict") -> None:
    from rich.markup import escape
    from truscore.validation import BY_ID

    for found in verdict.findings:
        times = f" ({found.count} times)" if found.count > 1 else ""
        style = STYLES[found.severity.value]
        where = f"  {found.location}" if found.location else ""
        ctx.screen.print(
            f"[{style}]{found.severity.value:<7}[/{style}] {found.rule}{times}: {escape(found.message + where)}",
            highlight=False,
            soft_wrap=True,
        )
        if found.severity.value == "error":
            ctx.screen.print(f"        {escape(BY_ID[found.rule].mend)}", style="dim", highlight=False, soft_wrap=True)
    ctx.screen.print(_summary(verdict), highlight=False)


def _summary(verdict: "Verdict") -> str:
    from truscore.validation import Severity

    index = verdict.index
    read = f"{index.format}, {len(index.images)} images, {index.annotation_count} annotations" if index else "not read"
    errors, warnings = verdict.count(Severity.ERROR), verdict.count(Severity.WARNING)
    word = "[green]accepted[/green]" if verdict.accepted else "[red]rejected[/red]"
    return f"{word}: {read}; {errors} errors, {warnings} warnings"
