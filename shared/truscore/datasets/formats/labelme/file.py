"""One LabelMe file as plain values: loaded within bounds, without the picture it may carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import ProblemLog, bounded_text
from truscore.datasets.reading.text_file import read_text
from truscore.datasets.strict_json import parse_json


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelmeFile:
    """`flags` are the labels of the whole image; `shapes` are as written."""

    path: str
    image_path: str
    width: int | None
    height: int | None
    shapes: tuple[Any, ...]
    flags: Mapping[str, bool]
    has_picture: bool

    @property
    def names(self) -> set[str]:
        """Labels of its shapes."""
        written = (shape.get("label") for shape in self.shapes if isinstance(shape, dict))
        return {label for label in written if isinstance(label, str)}


def read_labelme_file(context: ReaderContext, path: str) -> LabelmeFile | None:
    """The file's content; None where it is no LabelMe file, after reporting it where it is no JSON either."""
    limits, log = context.limits, context.log
    text = read_text(context, path, code="format.labelme.invalid_json", limit_bytes=limits.annotation_file_bytes)
    if text is None or '"shapes"' not in text:
        return None  # some other JSON, which may be large: not worth parsing
    try:
        content = parse_json(text)
    except ValueError as error:
        log.add("format.labelme.invalid_json", str(error), path)
        return None
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list) or "imagePath" not in content:
        return None
    written = content["imagePath"]
    flags = _flags(content.get("flags"), path, log)
    context.files_read.add(path)
    return LabelmeFile(
        path=path,
        image_path=written if isinstance(written, str) and written else path.rpartition("/")[2],
        width=_pixels(content.get("imageWidth")),
        height=_pixels(content.get("imageHeight")),
        shapes=tuple(_checked_label(shape) for shape in content["shapes"]),
        flags=flags,
        has_picture=bool(content.get("imageData")),
    )


def _flags(written: Any, path: str, log: ProblemLog) -> dict[str, bool]:
    if written is None:
        return {}
    if not isinstance(written, dict):
        log.add("label.malformed", f"flags are {written!r:.40}, expected an object", path)
        return {}
    for name, on in written.items():
        if not isinstance(on, bool):
            log.add("label.malformed", f"flag {name!r:.40} is {on!r:.40}, expected true or false", path)
    return {bounded_text(name): on is True for name, on in written.items()}


def _checked_label(shape: Any) -> Any:
    if isinstance(shape, dict) and isinstance(shape.get("label"), str):
        return shape | {"label": bounded_text(shape["label"])}
    return shape


def _pixels(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1_000_000_000 else None
