"""`truscore normals`: the surface of each object of a dataset of views under many lights."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from services.cli.commands.datasets.surface_solvers import By, Solver, solved
from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, context_of, print_json

if TYPE_CHECKING:
    from truscore.photometric_stereo import LitViews
    from truscore.photometric_stereo.least_squares import Array


def normals(
    context: typer.Context,
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of views under many lights.")],
    *,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to write; it must be empty or new.")],
    pitch_um: Annotated[float, typer.Option(min=0, help="Micrometres of a pixel; 0: depth is in pixels.")] = 0.0,
    gamma: Annotated[
        float | None,
        typer.Option(min=0.1, max=10, help="Of the files: 1 is linear. Default: what truscore.json declares, or 1."),
    ] = None,
    least_depth: Annotated[
        float, typer.Option(min=0, help="Of dents and lines to list, in micrometres (pixels without a pitch).")
    ] = 0.0,
    lamp_height: Annotated[
        float | None,
        typer.Option(min=1, max=89, help="Degrees above the card of lamps without directions (their median)."),
    ] = None,
    kind: Annotated[
        Literal["card", "object"],
        typer.Option(help="What lamps without directions light: a card, flat in the large, or any object."),
    ] = "card",
    solver: Annotated[
        Solver,
        typer.Option(
            help="robust: each pixel on its own; inverse_rendering: a surface whose renders look as the views."
        ),
    ] = Solver.ROBUST,
    seed: Annotated[int, typer.Option(min=0, help="Of inverse_rendering.")] = 0,
    steps: Annotated[int, typer.Option(min=8, max=100_000, help="Of inverse_rendering.")] = 600,
    deadline: Annotated[
        float, typer.Option(min=0.01, help="Seconds that inverse_rendering may take an object.")
    ] = 600.0,
    as_labels: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder for a dataset whose normals are those found; it must be empty or new."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write normals, depth, slope, curvature and the lamps' deviation of each object, as numbers and as pictures, and a
    list of its dents and lines with length, width and depth (`marks.csv`, by number in `marks.png`).

    Directions that were measured roughly are refitted where others explain the views clearly better. Four lamps that
    are only named (top, right, bottom, left) give relative depth and slope, and with --lamp-height all of the above.
    So do four or more other lights without directions, which are found with the surface (`lights.csv`); what had to be
    assumed for that is said. Where they cannot be found, only the lamps' deviation is written, which needs none.

    With --as-labels views, lights and masks are copied beside the normals found, which a network can then be trained
    on; truscore.json says that they are proposals, and so does every report on the dataset.
    """
    for folder in (to, as_labels):
        if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CliError(Code.USAGE, f"{folder} is there already and not an empty folder")
    from truscore.datasets import read_dataset
    from truscore.datasets.index.response import Response
    from truscore.photometric_stereo import InvalidViews, read_views
    from truscore.photometric_stereo.least_squares import InvalidLights
    from truscore.photometric_stereo.proposed_labels import declare_proposals, write_proposal

    index = read_dataset(dataset).index
    if index is None or not index.objects:
        raise CliError(Code.USAGE, f"{dataset}: no views of objects under lights (format multi_light)")
    response = None if gamma is None else Response(kind="gamma", gamma=gamma)
    if as_labels is not None:
        declare_proposals(as_labels, index, solver=solver.value, response=response)
    by = By(solver=solver, seed=seed, steps=steps, most_s=deadline)
    asked = _Asked(pitch_um=pitch_um, least_depth=least_depth, lamp_height_deg=lamp_height, kind=kind, by=by)
    written: list[dict[str, Any]] = []
    for number, lit_object in enumerate(index.objects):
        try:
            views = read_views(dataset, index, lit_object.name, response=response)
            name = f"{number:03d}-{lit_object.name.replace('/', '-').strip('.')}"
            said, normals_HW3 = _written(views, to / name, asked)
            written.append(said)
            if as_labels is not None and normals_HW3 is not None:
                write_proposal(
                    as_labels / name, views, normals_HW3, given=(dataset, index), provenance=_provenance(said, solver)
                )
        except (InvalidViews, InvalidLights) as error:
            raise CliError(Code.USAGE, str(error)) from error
    if as_labels is not None and not any(as_labels.glob("*/normals.npy")):
        raise CliError(Code.USAGE, f"{dataset}: no object's lights have directions, so {as_labels} has no normals")
    if as_json:
        print_json({"folder": str(to), "objects": written})
        return
    for one in written:
        context_of(context).screen.print(_line(one), highlight=False, soft_wrap=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    pitch_um: float
    least_depth: float
    lamp_height_deg: float | None
    kind: Literal["card", "object"]
    by: By


def _provenance(said: dict[str, Any], solver: Solver) -> dict[str, Any]:
    kept = (
        "object",
        "black_level",
        "lights_moved_deg",
        "seed",
        "steps",
        "residual",
        "residual_robust",
        "on_surface",
        "converged",
    )
    return {"solver": solver.value, **{key: said[key] for key in kept if key in said}}


def _line(one: dict[str, Any]) -> str:
    found = [f"black level {255 * one['black_level']:.1f} of 255"] if "black_level" in one else []
    if one.get("lights_moved_deg"):
        found.append(f"lights refitted by {one['lights_moved_deg']:.1f} degrees")
    if "on_surface" in one:
        found.append(f"{one['on_surface']:.0%} of its pixels on the surface")
        if not one["explains_better"]:
            found.append("left unexplained no less than by single pixels")
        if not one["converged"]:
            found.append("still falling when it stopped")
    if "mean_deg" in one:
        found.append(f"{one['mean_deg']:.2f} degrees off the truth")
    if "assumed" in one:
        found.append(f"lights without directions, found with the surface ({'; '.join(one['assumed'])})")
    if "marks" in one:
        found.append(f"{len(one['marks'])} dents and lines")
    elif one.get("relative"):
        found.append("relative depth and slope, for the lamps' height is not declared (--lamp-height)")
    else:
        found.append(f"lights without directions, so only the lamps' deviation: {one['not_found']}")
    return f"{one['object']}: {', '.join(found)} -> {one['folder']}"


def _written(views: "LitViews", home: Path, asked: _Asked) -> tuple[dict[str, Any], "Array | None"]:
    """What is said of the object, and its normals [H, W, 3] where its lights have directions."""
    from truscore.photometric_stereo.map_files import write_deviation
    from truscore.photometric_stereo.relief_maps import lamp_deviation

    pictures_LHW = views.picture(views.samples_NL).transpose(2, 0, 1)
    deviation_HW = lamp_deviation(pictures_LHW)
    write_deviation(home, deviation_HW, views.mask_HW)
    output: dict[str, Any] = {"object": views.name, "folder": str(home)}
    if views.directions_L3 is None:
        return output | _of_named_lamps(views, pictures_LHW, deviation_HW, home, asked), None
    found = solved(views, asked.by)
    normals_HW3 = views.picture(found.normals_N3)
    output |= found.said | _relief(normals_HW3, views, deviation_HW, home, asked)
    if views.normals_HW3 is not None:
        from truscore.metrics.normals import angular_errors, normal_metrics

        output |= normal_metrics(angular_errors(found.normals_N3, views.normals_HW3[views.mask_HW]))
    return output, normals_HW3


def _of_named_lamps(
    views: "LitViews", pictures_LHW: "Array", deviation_HW: "Array", home: Path, asked: _Asked
) -> dict[str, Any]:
    from truscore.photometric_stereo import UnknownLamps, card_normals, card_slopes
    from truscore.photometric_stereo.map_files import write_relative_relief
    from truscore.photometric_stereo.relief_maps import relief_maps

    try:
        leaning_HW2 = card_slopes(
            pictures_LHW, views.light_names, views.mask_HW, lamp_height_deg=asked.lamp_height_deg or 45.0
        )
    except UnknownLamps:
        return _of_unknown_lamps(views, deviation_HW, home, asked)
    normals_HW3 = card_normals(leaning_HW2)
    if asked.lamp_height_deg is None:
        write_relative_relief(home, relief_maps(normals_HW3, views.mask_HW), views.mask_HW)
        return {"relative": True}
    return _relief(normals_HW3, views, deviation_HW, home, asked)


def _of_unknown_lamps(views: "LitViews", deviation_HW: "Array", home: Path, asked: _Asked) -> dict[str, Any]:
    from truscore.metrics.normals import angular_errors, normal_metrics
    from truscore.photometric_stereo import uncalibrated_shading
    from truscore.photometric_stereo.least_squares import InvalidLights
    from truscore.photometric_stereo.map_files import write_lights, write_relative_relief
    from truscore.photometric_stereo.relief_maps import relief_maps

    try:
        found = uncalibrated_shading(views, kind=asked.kind, lamp_height_deg=asked.lamp_height_deg)
    except InvalidLights as error:
        return {"not_found": str(error)}
    output: dict[str, Any] = {"assumed": list(found.resolved)}
    normals_N3 = found.shading.normals_N3
    if found.relative:
        maps = relief_maps(views.picture(normals_N3), views.mask_HW)
        write_relative_relief(home, maps, views.mask_HW)
        return output | {"relative": True}
    write_lights(home / "lights.csv", views.light_names, found.directions_L3, found.intensities_L)
    output |= _relief(views.picture(normals_N3), views, deviation_HW, home, asked)
    if views.normals_HW3 is not None:
        output |= normal_metrics(angular_errors(normals_N3, views.normals_HW3[views.mask_HW]))
    return output


def _relief(
    normals_HW3: "Array", views: "LitViews", deviation_HW: "Array", home: Path, asked: _Asked
) -> dict[str, Any]:
    from truscore.photometric_stereo.map_files import write_marks, write_marks_picture, write_relief
    from truscore.photometric_stereo.marks import find_marks
    from truscore.photometric_stereo.relief_maps import relief_maps

    maps = relief_maps(normals_HW3, views.mask_HW)
    write_relief(home, normals_HW3, maps, views.mask_HW, pitch_um=asked.pitch_um)
    unit = asked.pitch_um or 1.0
    marks = find_marks(maps.depth_HW, views.mask_HW, least_depth=asked.least_depth / unit)
    write_marks_picture(home / "marks.png", deviation_HW, views.mask_HW, marks)
    return {"marks": write_marks(home / "marks.csv", marks, pitch_um=asked.pitch_um)}
