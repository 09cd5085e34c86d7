"""`truscore view-pictures`: one picture of each object under many lights, for models that take pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, context_of, print_json
from services.cli.inputs.reading import index_of

if TYPE_CHECKING:
    from truscore.photometric_stereo.view_channels import ViewChannels


def view_pictures(
    context: typer.Context,
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of views under many lights.")],
    *,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to write; it must be empty or new.")],
    channels: Annotated[
        str,
        typer.Option(
            metavar="A,B,C",
            help="Three of red, green, blue, grey (of the mean view), lamp_deviation, slope, curvature.",
        ),
    ] = "grey,lamp_deviation,curvature",
    like: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Take the channels that the pictures in this folder were made with."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Labelled dataset whose images are called like the objects."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make one picture of all views of each object: red, green and blue hold the maps that --channels names, so that
    models of pictures see relief.

    With --labels the folder is a dataset to train on. view_channels.json in it holds what was made how: with --like
    DIR the views of other objects become pictures of the same kind, for `truscore predict`.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise CliError(Code.USAGE, f"{to} is there already and not an empty folder")
    from truscore.datasets import read_dataset
    from truscore.photometric_stereo import InvalidViews, UnknownLamps
    from truscore.photometric_stereo.least_squares import InvalidLights
    from truscore.photometric_stereo.view_channels import UnknownChannels
    from truscore.photometric_stereo.view_dataset import write_view_pictures

    index = read_dataset(dataset).index
    if index is None or not index.objects:
        raise CliError(Code.USAGE, f"{dataset}: no views of objects under lights (format multi_light)")
    labelled = None if labels is None else index_of(labels, format="", class_names=[])
    try:
        taken = _channels(channels, like)
        written = write_view_pictures(dataset, index, to, channels=taken, labels=labelled)
    except (UnknownChannels, InvalidViews, InvalidLights, UnknownLamps) as error:
        raise CliError(Code.USAGE, str(error)) from error
    if as_json:
        rows = [{"map": name, "most": most} for name, most in zip(taken.names, taken.most, strict=True)]
        unlabelled = list(written.without_labels)
        print_json({"folder": str(to), "images": written.paths, "channels": rows, "without_labels": unlabelled})
        return
    text = f"{len(written.paths)} pictures of {', '.join(taken.names)} in {to}"
    if written.without_labels:
        text += f"; {len(written.without_labels)} objects without a labelled image left out"
    context_of(context).screen.print(text, highlight=False, soft_wrap=True)


def _channels(names: str, like: Path | None) -> "ViewChannels":
    from truscore.photometric_stereo.view_channels import read_channels, view_channels

    return read_channels(like) if like is not None else view_channels([name.strip() for name in names.split(",")])
