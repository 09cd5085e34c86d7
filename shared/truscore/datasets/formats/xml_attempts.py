"""What XML that no reader recognised may have been meant as."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from truscore.datasets.reading.attempt import Attempt
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.xml_file import read_xml

_PROBED_BYTES = 4 * 1024 * 1024
_LINE = re.compile(r"line (\d+)")
# format: outermost element, an element that each has inside, and what a file holds.
_SHAPES = (
    ("voc", "annotation", "object", "filename, size and objects, each with name and bndbox"),
    ("cvat", "annotations", "image", "images, each with name, width, height and its boxes or polygons"),
)


def xml_attempts(context: ReaderContext, path: str) -> Iterator[Attempt]:
    """For a file that is no XML its fault; otherwise how it differs from those that are read."""
    log = ProblemLog(limit=1)
    root = read_xml(replace(context, log=log), path, code="format.voc.invalid_xml", limit_bytes=_PROBED_BYTES)
    if root is None:
        fault = log.all()[-1].message
        match = _LINE.search(fault)
        line = int(match[1]) if match else 0
        change = f"mend line {line}, or export the file again" if line else "export the file again"
        yield Attempt(format="voc", file=path, line=line, fits=0.6, failed=fault, change=change)
        return
    for format, outermost, inside, held in _SHAPES:
        fits = 0.6 if root.find(f".//{inside}") is not None else 0.3
        failed = f"the outermost element is <{root.tag[:40]}>, not <{outermost}>"
        change = f"an <{outermost}> with {held}"
        yield Attempt(format=format, file=path, line=1, fits=fits, failed=failed, change=change)
