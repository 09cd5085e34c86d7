"""The CVAT reader: XML for images, one element for each, or for video, one element for each thing that is tracked."""

from __future__ import annotations

import re
from collections.abc import Iterator

from truscore.datasets.formats.cvat.file import CvatFile, read_cvat_file
from truscore.datasets.formats.described_images import DescribedImage, read_described
from truscore.datasets.paths import stem_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.reading.xml_file import begins_with

NAME = "cvat"
SNIFFED_FILES = 20
_FRAME = re.compile(r"(?:.*\D)?(?P<number>\d{1,9})")


def recognise_cvat(context: ReaderContext) -> bool:
    """Whether an XML file begins as CVAT's."""
    return any(begins_with(context, path, "annotations") for path in context.folder.with_suffix(".xml")[:SNIFFED_FILES])


def read_cvat(context: ReaderContext) -> ReadResult:
    """Read all CVAT files of the folder; classes in the order in which the task declares them."""
    paths = [path for path in context.folder.with_suffix(".xml") if begins_with(context, path, "annotations")]
    files = [read_cvat_file(context, path) for path in paths]
    images = [image for file in files for image in (*file.images, *_frames(context.folder, file))]
    classes = [name for file in files for name in file.classes]
    return read_described(context, images, format=NAME, classes=classes)


def _frames(folder: Folder, file: CvatFile) -> Iterator[DescribedImage]:
    """A video's frames: every image whose name ends in a number, and those that are marked and not there."""
    if not file.frames:
        return
    width, height = file.frame_size or (None, None)
    numbered = {
        int(match["number"]): path for path in folder.images if (match := _FRAME.fullmatch(stem_of(path))) is not None
    }
    for number in sorted({*numbered, *file.frames}):
        name = numbered.get(number, f"frame_{number:06}.png")
        marks = tuple(file.frames.get(number, ()))
        above = "../" * file.path.count("/")
        yield DescribedImage(file=file.path, name=f"{above}{name}", width=width, height=height, marks=marks)
