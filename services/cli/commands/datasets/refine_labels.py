"""`truscore refine-labels`: labels of borders moved to the edges that the images have."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.commands.parameters import AsJson, ClassNames, Format
from services.cli.context import CliError, Code, context_of, print_json
from services.cli.inputs.reading import index_of

if TYPE_CHECKING:
    from truscore.border_lines.labels import RefinedImage, RefinedLabel
    from truscore.datasets import DatasetIndex, ImageRecord

COLUMNS = ("doubt", "image", "class", "side", "moved_px", "pieces_on_line", "distance_px", "contrast", "kept")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """A refined label, with a picture of it where it is among the most doubtful."""

    image: str
    name: str
    label: "RefinedLabel"


def refine_labels(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder of the dataset.")],
    *,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="New folder for proposals, list and pictures.")],
    borders: Annotated[
        list[str], typer.Option("--class", help="A class that is a border; repeat it. All classes when not given.")
    ] = [],  # noqa: B006
    format: Format = "",
    class_names: ClassNames = [],  # noqa: B006
    output_format: Annotated[str, typer.Option("--output-format", help="Format of the proposals.")] = "coco",
    pictures: Annotated[int, typer.Option(min=0, max=1000, help="Pictures, of the most doubtful borders.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Propose quadrilaterals to a fraction of a pixel in place of upright boxes around borders. Look before you use
    them: an edge beside the border, such as a sleeve's, can be the straightest one."""
    from truscore.border_lines.labels import refine_labels as refined_images
    from truscore.datasets import UnreadableImage
    from truscore.datasets.formats.capacity import LossyConversion
    from truscore.datasets.formats.writing import WRITERS, write_dataset

    if output_format not in WRITERS:
        raise CliError(Code.USAGE, f"--output-format {output_format!r} is not one of: {', '.join(WRITERS)}")
    if to.exists() and any(to.iterdir()):
        raise CliError(Code.USAGE, f"--to {str(to)!r} is not empty: proposals go into a folder of their own")
    index = index_of(path, format=format, class_names=class_names)
    labels = _labels(index, borders)
    say = partial(context_of(context).side.print, highlight=False, markup=False, soft_wrap=True)
    say(f"looking for straight edges near the labels of {len(index.images)} images")
    records: list[ImageRecord] = []
    seen: list[_Seen] = []
    left = 0
    try:
        for image in refined_images(index.images, path, labels=labels):
            records.append(image.record)
            seen += _seen(index, image)
            left += image.left
        if not seen:
            raise CliError(Code.FAILED, f"none of the {left} labels of these classes has four sides")
        write_dataset(replace(index, images=tuple(records)), path, to / "dataset", format=output_format)
        seen.sort(key=lambda one: -one.label.border.doubt)
        (to / "changes.csv").write_text(_csv_of(seen), encoding="utf-8")
        _draw(seen[:pictures], path, to / "pictures")
    except (LossyConversion, UnreadableImage, OSError) as error:
        raise CliError(Code.FAILED, str(error)) from error
    if as_json:
        print_json(_plain(seen, left, to))
        return
    for line in _summary(seen, left, to):
        say(line)


def _labels(index: "DatasetIndex", borders: list[str]) -> frozenset[int]:
    for name in borders:
        if name not in index.class_names:
            raise CliError(Code.USAGE, f"--class {name!r} is not one of: {', '.join(index.class_names)}")
    return frozenset(index.class_names.index(name) + 1 for name in borders or index.class_names)


def _seen(index: "DatasetIndex", image: "RefinedImage") -> Iterator[_Seen]:
    for label in image.labels:
        yield _Seen(image=image.record.path, name=index.class_names[label.label - 1], label=label)


def _rows(seen: list[_Seen]) -> Iterator[tuple[Any, ...]]:
    for one in seen:
        for side in one.label.border.sides:
            line = side.line
            yield (
                round(one.label.border.doubt, 3),
                one.image,
                one.name,
                side.name,
                round(side.moved_px, 2),
                "" if line is None else round(line.share, 3),
                "" if line is None else round(line.rms_px, 3),
                "" if line is None else round(line.contrast, 1),
                side.kept,
            )


def _csv_of(seen: list[_Seen]) -> str:
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(seen))
    return text.getvalue()


def _draw(seen: list[_Seen], path: Path, folder: Path) -> None:
    from truscore.border_lines.pictures import close_up
    from truscore.datasets import load_image

    if seen:
        folder.mkdir(parents=True)
    for rank, one in enumerate(seen, start=1):
        caption = f"{one.image}, {one.name}, doubt {one.label.border.doubt:.2f}"
        picture = close_up(load_image(path / one.image), one.label, caption=caption)
        picture.save(folder / f"{rank:03d}-{Path(one.image).stem}-{one.label.at}.png")


def _plain(seen: list[_Seen], left: int, to: Path) -> dict[str, Any]:
    return {
        "output": str(to),
        "borders": len(seen),
        "without_four_sides": left,
        "sides": [dict(zip(COLUMNS, row, strict=True)) for row in _rows(seen)],
    }


def _summary(seen: list[_Seen], left: int, to: Path) -> Iterator[str]:
    import numpy as np

    sides = [side for one in seen for side in one.label.border.sides]
    moved = np.abs([side.moved_px for side in sides if side.line is not None])
    kept = sum(side.line is None for side in sides)
    if len(moved):
        yield (
            f"{len(moved)} of {len(sides)} sides moved, by {np.median(moved):.1f} px in the middle, "
            f"{np.percentile(moved, 95):.1f} px at the 95th percentile, {moved.max():.1f} px at most"
        )
    if kept:
        yield f"{kept} sides are as they were: no straight edge near them stands out"
    if left:
        yield f"{left} labels have no four sides and are as they were"
    yield f"proposals: {to / 'dataset'}; all sides, the most doubtful first: {to / 'changes.csv'}"
    yield f"look at {to / 'pictures'} before you train on them"
