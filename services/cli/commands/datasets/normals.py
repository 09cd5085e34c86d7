"""`truscore normals`: the surface of each object of a dataset of views under many lights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, context_of, print_json

if TYPE_CHECKING:
    from truscore.photometric_stereo import LitViews


def normals(
    context: typer.Context,
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of views under many lights.")],
    *,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to write; it must be empty or new.")],
    pitch_um: Annotated[float, typer.Option(min=0, help="Micrometres of a pixel; 0: depth is in pixels.")] = 0.0,
    gamma: Annotated[
        float, typer.Option(min=0.1, max=10, help="Of the files: 1 is linear, 2.2 as screens have it.")
    ] = 1,
    least_depth: Annotated[
        float, typer.Option(min=0, help="Of dents and lines to list, in micrometres (pixels without a pitch).")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Write normals, depth, slope, curvature and the lamps' deviation of each object, as numbers and as pictures, and a
    list of its dents and lines with length, width and depth (`marks.csv`).

    Where lights are only named, without directions, only the lamps' deviation is written: it needs none.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise CliError(Code.USAGE, f"{to} is there already and not an empty folder")
    from truscore.datasets import read_dataset
    from truscore.photometric_stereo import InvalidViews, read_views
    from truscore.photometric_stereo.least_squares import InvalidLights

    index = read_dataset(dataset).index
    if index is None or not index.objects:
        raise CliError(Code.USAGE, f"{dataset}: no views of objects under lights (format multi_light)")
    written: list[dict[str, Any]] = []
    for number, lit_object in enumerate(index.objects):
        try:
            views = read_views(dataset, index, lit_object.name, gamma=gamma)
            home = to / f"{number:03d}-{lit_object.name.replace('/', '-').strip('.')}"
            written.append(_written(views, home, pitch_um, least_depth))
        except (InvalidViews, InvalidLights) as error:
            raise CliError(Code.USAGE, str(error)) from error
    if as_json:
        print_json({"folder": str(to), "objects": written})
        return
    for one in written:
        if "black_level" not in one:
            text = f"{one['object']}: lights without directions, so only the lamps' deviation -> {one['folder']}"
            context_of(context).screen.print(text, highlight=False, soft_wrap=True)
            continue
        off = f", {one['mean_deg']:.2f} degrees off the truth" if "mean_deg" in one else ""
        marks = f", {len(one['marks'])} dents and lines"
        text = f"{one['object']}: black level {255 * one['black_level']:.1f} of 255{off}{marks} -> {one['folder']}"
        context_of(context).screen.print(text, highlight=False, soft_wrap=True)


def _written(views: "LitViews", home: Path, pitch_um: float, least_depth: float) -> dict[str, Any]:
    from truscore.metrics.normals import angular_errors, normal_metrics
    from truscore.photometric_stereo import cauchy_shading, find_black_level
    from truscore.photometric_stereo.map_files import write_deviation, write_marks, write_relief
    from truscore.photometric_stereo.marks import find_marks
    from truscore.photometric_stereo.relief_maps import lamp_deviation, relief_maps

    samples_NL = views.samples_NL
    write_deviation(home, lamp_deviation(views.picture(samples_NL).transpose(2, 0, 1)), views.mask_HW)
    output: dict[str, Any] = {"object": views.name, "folder": str(home)}
    if views.directions_L3 is None:
        return output
    directions_L3 = views.directions()
    level = find_black_level(samples_NL, directions_L3, share_L=views.share_L).level
    shading = cauchy_shading(samples_NL, directions_L3, black_level=level * views.share_L)
    normals_HW3 = views.picture(shading.normals_N3)
    maps = relief_maps(normals_HW3, views.mask_HW)
    write_relief(home, normals_HW3, maps, views.mask_HW, pitch_um=pitch_um)
    unit = pitch_um or 1.0
    output["marks"] = write_marks(
        home / "marks.csv", find_marks(maps.depth_HW, views.mask_HW, least_depth=least_depth / unit), pitch_um=pitch_um
    )
    output["black_level"] = level
    if views.normals_HW3 is not None:
        output |= normal_metrics(angular_errors(shading.normals_N3, views.normals_HW3[views.mask_HW]))
    return output
