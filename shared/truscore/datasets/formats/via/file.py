"""Files of the VGG Image Annotator, JSON and CSV, as images with regions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from truscore.datasets.formats.json_values import STRUCTURE, UNREADABLE, Entry, entries, load_json
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.text_file import read_text
from truscore.datasets.strict_json import parse_json

IMAGES = "_via_img_metadata"
REGION_COLUMNS = ("filename", "region_shape_attributes", "region_attributes")


@dataclass(frozen=True, kw_only=True, slots=True)
class ViaImage:
    file: str
    filename: str
    regions: tuple[Entry, ...]
    attributes: Entry


def via_images(content: Any) -> dict[str, Entry]:
    """The images of a project or an export of annotations; none where it is neither."""
    inner = content.get(IMAGES, content) if isinstance(content, dict) else None
    if not isinstance(inner, dict) or not inner:
        return {}
    found = {key: value for key, value in inner.items() if isinstance(value, dict)}
    whole = [value for value in found.values() if isinstance(value.get("filename"), str) and "regions" in value]
    return found if whole and (IMAGES in content or 2 * len(whole) >= len(inner)) else {}


def read_via_json(context: ReaderContext, path: str) -> Iterator[ViaImage]:
    for key, value in via_images(load_json(context, path)).items():
        where = f"{path}#{key}"
        filename = value.get("filename")
        if not isinstance(filename, str) or not filename:
            context.log.add(STRUCTURE, f"filename is {filename!r:.60}, expected a name", where)
            continue
        regions = value.get("regions")
        if regions is None:
            context.log.add(STRUCTURE, "an image without `regions`; one without marks has an empty list", where)
        # The first release numbered them in an object.
        listed = list(regions.values()) if isinstance(regions, dict) else regions
        attributes = value.get("file_attributes", {})
        if not isinstance(attributes, dict):
            context.log.add(STRUCTURE, f"file_attributes are {attributes!r:.60}, expected an object", where)
        yield ViaImage(
            file=path,
            filename=filename,
            regions=tuple(entries(context, listed, "regions", where)),
            attributes=attributes if isinstance(attributes, dict) else {},
        )


def is_via_header(header: list[str]) -> bool:
    return {*REGION_COLUMNS} <= {column.strip().lstrip("#").strip().lower() for column in header}


def read_via_csv(context: ReaderContext, path: str) -> Iterator[ViaImage]:
    """A row for each region; one with an empty shape for an image without any."""
    limit_bytes = context.limits.annotation_file_bytes
    text = read_text(context, path, code=UNREADABLE, limit_bytes=limit_bytes)
    rows = csv.reader(io.StringIO(text or "", newline=""))
    try:
        header = [column.strip().lstrip("#").strip().lower() for column in next(rows, [])]
        if not is_via_header(header):
            return
        found: dict[str, tuple[list[Entry], Entry]] = {}
        for row in rows:
            if row:
                _add_row(context, found, dict(zip(header, row, strict=False)), f"{path}#{rows.line_num}")
    except csv.Error as error:
        context.log.add(UNREADABLE, f"not a table: {error}", path)
        return
    for filename, (regions, attributes) in found.items():
        yield ViaImage(file=path, filename=filename, regions=tuple(regions), attributes=attributes)


def _add_row(
    context: ReaderContext, found: dict[str, tuple[list[Entry], Entry]], row: dict[str, str], where: str
) -> None:
    filename = row.get("filename", "").strip()
    if not filename:
        context.log.add(STRUCTURE, "a row without a filename", where)
        return
    parts = {key: _object(row.get(key, "")) for key in ("file_attributes", *REGION_COLUMNS[1:])}
    if odd := next((key for key, value in parts.items() if value is None), ""):
        context.log.add(STRUCTURE, f"{odd} is {row.get(odd, '')[:60]!r}, expected an object in JSON", where)
        return
    regions, _ = found.setdefault(filename, ([], parts["file_attributes"] or {}))
    if parts["region_shape_attributes"]:
        regions.append(
            {"shape_attributes": parts["region_shape_attributes"], "region_attributes": parts["region_attributes"]}
        )


def _object(text: str) -> Entry | None:
    if not text.strip():
        return {}
    try:
        value = parse_json(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
