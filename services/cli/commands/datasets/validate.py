"""`truscore synth` and `validate`: datasets on this disk."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.parameters import AsJson, ClassNames, Format
from services.cli.context import CliError, Code, CommandContext, context_of, print_json
from services.cli.output.bars import progress_bar

if TYPE_CHECKING:
    from rich.console import Console
    from truscore.validation import CacheOptions, Policy, Verdict

STYLES = {"error": "red", "warning": "yellow", "info": "dim"}


def synth(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write; it must be empty or new.")],
    *,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1_000_000, help="Cards to render.")] = 64,
    format: Annotated[str, typer.Option("--format", "-f", help="coco or yolo.")] = "coco",
    option: Annotated[
        str,
        typer.Option("--option", "-o", help="dual_class, single_class; damage_detection, wear_detection (coco)."),
    ] = "dual_class",
    seed: Annotated[int, typer.Option(min=0, help="The same seed renders the same cards.")] = 0,
    size: Annotated[str, typer.Option(metavar="WxH", help="Size of each picture in pixels.")] = "320x320",
    as_json: AsJson = False,
) -> None:
    """Render trading cards as a dataset: with exact borders, or their corners and edges with exact damage."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CliError(Code.USAGE, f"{out} is there already and not an empty folder")
    from truscore.synthesis import DAMAGE_NAMES, render_damage_dataset, render_dataset

    if option in DAMAGE_NAMES and format != "coco":
        raise CliError(Code.USAGE, f"--format {format!r}; accepted for {option}: coco, which can hold masks")
    try:
        if option in DAMAGE_NAMES:
            folder = render_damage_dataset(out, count=count, option=option, seed=seed, image_size=_size(size))
        else:
            folder = render_dataset(out, count=count, format=format, option=option, seed=seed, image_size=_size(size))
    except ValueError as error:
        raise CliError(Code.USAGE, str(error)) from error
    if as_json:
        print_json({"folder": str(folder), "count": count, "format": format, "option": option, "seed": seed})
    else:
        context_of(context).screen.print(f"{count} cards in {folder}", highlight=False, soft_wrap=True)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise CliError(Code.USAGE, f"--size {text!r}; accepted: WIDTHxHEIGHT in pixels, for example 320x320")
    return int(width), int(height)


def validate(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder of the dataset.")],
    *,
    format: Format = "",
    category: Annotated[str, typer.Option("--category", "-c", help="Category to validate it for.")] = "",
    option: Annotated[str, typer.Option("--option", "-o", help="Option to validate it for.")] = "",
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
    with progress_bar(errors := _stderr()) as listening:
        verdict = validate_folder(
            path,
            format=format,
            category=category,
            option=option,
            class_names=class_names,
            policy=_policy(policy, category),
            cache=_memory(remember, reread),
            callbacks=listening,
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
