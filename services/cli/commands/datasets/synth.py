"""`truscore synth`: a dataset of rendered cards."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, context_of, print_json


def synth(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write; it must be empty or new.")],
    *,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=1_000_000, help="Cards or lit objects to render.")
    ] = 64,
    format: Annotated[
        str, typer.Option("--format", "-f", help="coco, yolo; multi_light: surfaces under many lights.")
    ] = "coco",
    option: Annotated[
        str,
        typer.Option(
            "--option",
            "-o",
            help="dual_class, single_class; damage_detection, wear_detection (coco); "
            "lit_surfaces, lit_varied (to train on), card, ellipsoid, blobs (multi_light).",
        ),
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="The same seed renders the same cards.")] = 0,
    size: Annotated[str, typer.Option(metavar="WxH", help="Size of each picture in pixels.")] = "320x320",
    lights: Annotated[int, typer.Option(min=3, max=96, help="Lights of each object (multi_light).")] = 12,
    views: Annotated[
        int,
        typer.Option(min=1, max=32, help="Calibrated cameras around each card (multi_light, card)."),
    ] = 1,
    bits: Annotated[int, typer.Option(help="8 or 16 bits a colour (multi_light).")] = 8,
    as_json: AsJson = False,
) -> None:
    """Render trading cards as a dataset: with exact borders, their corners and edges with exact damage, or surfaces
    under many lights with exact normals."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CliError(Code.USAGE, f"{out} is there already and not an empty folder")
    from truscore.synthesis import DAMAGE_NAMES, render_damage_dataset, render_dataset
    from truscore.synthesis.lit import render_lit_dataset, render_multi_view_dataset

    lit = format == "multi_light"
    option = option or (("card" if views > 1 else "lit_surfaces") if lit else "dual_class")
    if views > 1 and (not lit or option != "card"):
        raise CliError(Code.USAGE, f"--views {views}; accepted above 1: --format multi_light --option card")
    if option in DAMAGE_NAMES and format != "coco":
        raise CliError(Code.USAGE, f"--format {format!r}; accepted for {option}: coco, which can hold masks")
    try:
        if views > 1:
            folder = render_multi_view_dataset(
                out, count=count, views=views, seed=seed, lights=lights, image_size=_size(size), bits=bits
            )
        elif lit:
            folder = render_lit_dataset(
                out, count=count, option=option, seed=seed, lights=lights, image_size=_size(size), bits=bits
            )
        elif option in DAMAGE_NAMES:
            folder = render_damage_dataset(out, count=count, option=option, seed=seed, image_size=_size(size))
        else:
            folder = render_dataset(out, count=count, format=format, option=option, seed=seed, image_size=_size(size))
    except ValueError as error:
        raise CliError(Code.USAGE, str(error)) from error
    if as_json:
        print_json({"folder": str(folder), "count": count, "format": format, "option": option, "seed": seed})
    else:
        context_of(context).screen.print(
            f"{count} {'objects' if lit else 'cards'} in {folder}", highlight=False, soft_wrap=True
        )


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise CliError(Code.USAGE, f"--size {text!r}; accepted: WIDTHxHEIGHT in pixels, for example 320x320")
    return int(width), int(height)
