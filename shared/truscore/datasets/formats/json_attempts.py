"""What JSON that no reader recognised may have been meant as."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from truscore.datasets.formats.json_lines import json_lines
from truscore.datasets.reading.attempt import Attempt
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.text_file import UnknownEncoding, decode_text
from truscore.datasets.strict_json import RepeatedKey, parse_json
from truscore.files import read_at_most

_PROBED_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class _Signature:
    """Keys that an object of the format has; `entries`: they are those of each object of a list or mapping."""

    format: str
    keys: tuple[str, ...]
    change: str
    entries: bool = False


_SIGNATURES = (
    _Signature(
        format="coco",
        keys=("images", "annotations", "categories"),
        change="lists of images (id, file_name, width, height), annotations and categories (id, name)",
    ),
    _Signature(format="labelme", keys=("shapes", "imagePath"), change="the image's name and its list of shapes"),
    _Signature(
        format="datumaro", keys=("items", "categories"), change="a list of items, and categories with their labels"
    ),
    _Signature(format="supervisely", keys=("size", "objects"), change="the image's size and its list of objects"),
    _Signature(
        format="label_studio", keys=("data", "annotations"), change="the image in data, and annotations", entries=True
    ),
    _Signature(format="via", keys=("filename", "regions"), change="the image's filename and its regions", entries=True),
    _Signature(format="create_ml", keys=("image", "annotations"), change="the image and its annotations", entries=True),
)


def json_attempts(context: ReaderContext, path: str) -> Iterator[Attempt]:
    """For a file that is no JSON its fault; otherwise the formats some of whose keys it has."""
    content = read_at_most(context.folder.root / path, _PROBED_BYTES)
    try:
        text = None if content is None else decode_text(content, declared=context.declaration.encoding).text
    except UnknownEncoding:
        text = None
    if text is None:
        return
    try:
        value = parse_json(text)
    except ValueError as error:
        yield _broken(path, text, error)
        return
    yield from _predictions(path, value)
    for signature in _SIGNATURES:
        found = _object_of(value, signature)
        missing = [key for key in signature.keys if key not in found]
        if len(missing) < len(signature.keys):
            yield _short_of(path, text, found, signature, missing)


def line_attempts(context: ReaderContext, path: str) -> Iterator[Attempt]:
    """For a file of JSON lines that no reader takes: what its first object lacks."""
    first = next((entry for _, entry in json_lines(context.without_log(), path)), None)
    if not isinstance(first, dict):
        yield Attempt(
            format="image_folder",
            file=path,
            line=1,
            fits=0.3,
            failed="its first line is no JSON object",
            change="write an object a line, with file_name and objects or a label",
        )
        return
    keys = ", ".join(map(str, first))[:80]
    change = "call the file metadata.jsonl, the image file_name, and its boxes objects with bbox and category"
    failed = f"lines have {keys}; expected file_name"
    yield Attempt(format="image_folder", file=path, line=1, fits=0.5, failed=failed, change=change)


def _predictions(path: str, value: Any) -> Iterator[Attempt]:
    """COCO's list of results has no images."""
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, dict) and {"image_id", "category_id"} <= first.keys():
        failed = "it is a list of marks (image_id, category_id) without the images and categories that they name"
        change = "put it under annotations of the file that has images and categories"
        yield Attempt(format="coco", file=path, line=1, fits=0.7, failed=failed, change=change)


def _broken(path: str, text: str, error: ValueError) -> Attempt:
    """The format whose keys the text has most of, and the line that can't be read."""
    likely = max(_SIGNATURES, key=lambda one: sum(f'"{key}"' in text for key in one.keys) / len(one.keys))
    cause = error.__cause__
    line = cause.lineno if isinstance(cause, json.JSONDecodeError) else 0
    change = f"mend line {line}, or export the file again" if line else "export the file again"
    if isinstance(error, RepeatedKey):
        change = "keep one of the two"
    return Attempt(format=likely.format, file=path, line=line, fits=0.9, failed=str(error), change=change)


def _object_of(value: Any, signature: _Signature) -> dict[str, Any]:
    if signature.entries:
        values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        value = next(iter(values), None)
    return value if isinstance(value, dict) else {}


def _short_of(path: str, text: str, found: dict[str, Any], signature: _Signature, missing: list[str]) -> Attempt:
    present = [key for key in signature.keys if key in found]
    if not missing:
        failed = f"{' and '.join(present)} are there, and not as the format has them"
    else:
        failed = f"there is {' and '.join(present)}, but no {' and no '.join(missing)}"
    match = re.search(rf'"{re.escape(present[0])}"\s*:', text)
    line = text.count("\n", 0, match.start()) + 1 if match else 1
    fits = len(present) / len(signature.keys) * 0.8
    return Attempt(
        format=signature.format, file=path, line=line, fits=fits, failed=failed, change=f"give it {signature.change}"
    )
