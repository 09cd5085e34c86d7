"""`truscore augment`: what training makes of a dataset's images."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.commands.parameters import AsJson, Category, ClassNames, Format, Option
from services.cli.context import CliError, Code, context_of, print_json
from services.cli.inputs.reading import index_of, refuse_without_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from truscore.augmentation import Policy
    from truscore.augmentation.contact_sheet import Variant
    from truscore.datasets import ImageRecord

SQUARELESS = ("instance_segmentation", "detection")
DEFAULT_SIZE_PX = 320


def augment(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder of the dataset.")],
    *,
    category: Category,
    option: Option,
    format: Format = "",
    class_names: ClassNames = [],  # noqa: B006
    images: Annotated[int, typer.Option("--images", "-n", min=1, max=64, help="Images to show.")] = 4,
    variants: Annotated[int, typer.Option("--variants", "-m", min=1, max=16, help="Epochs to show of each.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the run: its epochs are shown.")] = 0,
    size: Annotated[
        int | None, typer.Option(min=16, max=2048, help="Longer side in pixels; that of the recipe when not given.")
    ] = None,
    sampling: Annotated[
        str, typer.Option(metavar="NAME", help="What a training sample is; that of the recipe when not given.")
    ] = "",
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Picture to write.")] = Path("augment.png"),
    as_json: AsJson = False,
) -> None:
    """Show what training makes of images: one sheet of originals and variants, with the policy and its reasons."""
    from truscore.augmentation import UnknownOption, policy_for

    try:
        policy_for(category, option)
    except UnknownOption as error:
        raise CliError(Code.USAGE, str(error)) from error
    if not output.absolute().parent.is_dir():
        raise CliError(Code.USAGE, f"--output {str(output)!r}: {str(output.absolute().parent)!r} is no folder")
    say = partial(context_of(context).side.print, highlight=False, soft_wrap=True)
    say(f"reading {path}")
    index = index_of(path, format=format, class_names=class_names)
    refuse_without_targets(index, path, category=category, option=option)
    policy = policy_for(category, option, index.class_names, sampling=_sampling_of(category, option, sampling))
    # Torch comes with these: only a preview loads it.
    say("loading what training changes images with, which takes some seconds")
    from truscore.zoo.torch_imports import import_torchvision

    try:
        import_torchvision()
        from truscore.augmentation.contact_sheet import PreviewedRun, contact_sheet, previews
    except ModuleNotFoundError as error:
        raise CliError(Code.FAILED, f"{error.name} is not installed; accepted: truscore-training[train]") from error
    from truscore.datasets import split_dataset

    training = set(split_dataset(index, seed=seed).train)
    run = PreviewedRun(
        policy=policy,
        image_size=size or _size_of(category, option),
        square=_takes_squares(category, option),
        seed=seed,
    )
    records = [record for record in sorted(index.images, key=lambda record: record.path) if record.path in training]
    say(f"changing up to {images} images, as {variants} epochs would")
    shown = previews(records, folder=path, run=run, images=images, variants=variants)
    title = f"{path.name} for {category}/{option}, seed {seed}"
    contact_sheet(shown, class_names=index.class_names, policy=policy, title=title).save(output)
    if as_json:
        print_json(
            {
                "output": str(output),
                "category": category,
                "option": option,
                "seed": seed,
                "policy": asdict(policy),
                "images": [
                    {
                        "image": one.record.path,
                        "variants": [_variant(made, records) for made in one.variants],
                    }
                    for one in shown
                ],
            }
        )
    else:
        _show(context_of(context).screen, policy)
        say(f"the sheet is in {output}")


def _variant(made: "Variant", records: "Sequence[ImageRecord]") -> dict[str, Any]:
    pasted = None
    if made.pasted is not None:
        pasted = {"image": records[made.pasted.place].path, "annotations": list(made.pasted.annotations)}
    return {"epoch": made.epoch, **asdict(made.change), "pasted": pasted}


def _sampling_of(category: str, option: str, asked: str) -> str:
    from truscore.recipes import InvalidConfig, resolve

    try:
        return resolve(category, option, "", {"sampling": asked} if asked else {}).sampling
    except InvalidConfig as error:
        if not asked:
            return "whole"
        raise CliError(Code.USAGE, f"--sampling {asked!r}; accepted: {error.accepted}") from error


def _size_of(category: str, option: str) -> int:
    from truscore.recipes import InvalidConfig, resolve

    try:
        return resolve(category, option).image_size
    except InvalidConfig:
        return DEFAULT_SIZE_PX


def _takes_squares(category: str, option: str) -> bool:
    from truscore.catalog.table import architectures

    return all(row.task not in SQUARELESS for row in architectures(category, option))


def _show(screen: "Console", policy: "Policy") -> None:
    from rich.table import Table
    from truscore.augmentation.policy import in_words

    table = Table(box=None, header_style="bold")
    for name in ("change", "how far", "why"):
        table.add_column(name, overflow="fold")
    for knob, words in in_words(policy).items():
        table.add_row(knob, words, policy.why[knob], style="dim" if words == "none" else None)
    screen.print(table)
