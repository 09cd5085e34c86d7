"""Names of what a mask's values or colours stand for, from a list or a label map beside the masks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from truscore.datasets.formats.class_lists import LIST_LIMIT_BYTES, LIST_NAMES
from truscore.datasets.paths import name_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.text_file import decoded_or_replaced
from truscore.datasets.strict_json import parse_json

BACKGROUND = frozenset({"_background_", "__background__", "background", "bg", "backgrd", "hintergrund"})
_NEVER = frozenset({"__ignore__"})
_COLOUR_MAPS = frozenset(
    {"labelmap.txt", "label_map.txt", "label_colors.txt", "label_colours.txt", "class_dict.csv", "class_dict_seg.csv"}
    | {"colormap.txt", "colors.txt", "palette.txt", "labelmap.csv", "labelmap.json", "label_map.json", "colormap.json"}
)
_NAMED_COLOUR = re.compile(
    r"(?P<name>[^\d#\s,:;][^,:;\t]*?)\s*[,:;\t ]\s*\[?(?P<rgb>\d{1,3}[\s,;]+\d{1,3}[\s,;]+\d{1,3})\]?(?:[\s,;:].*)?"
)
_COLOUR_NAMED = re.compile(r"\[?(?P<rgb>\d{1,3}[\s,;]+\d{1,3}[\s,;]+\d{1,3})\]?[\s,;:]+(?P<name>[^\d\s][^\t,;:]*)")
_ID_FIRST = re.compile(r"\A\d+[,;\t](?=\D)")
_LONGEST_NAME = 200

Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueNames:
    """`names` are the classes in order. `label_of`: the label of each value that stands for one, 0 for background."""

    names: tuple[str, ...] = ()
    label_of: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))


def numbered_names(context: ReaderContext, values: frozenset[int]) -> ValueNames | None:
    """What the values that occur in the masks number: classes given, else those of a list. None where none fits."""
    if context.class_names:
        return _numbered(context.class_names, first=1)
    if (table := _value_table(context)) is not None and values <= table.label_of.keys():
        return table
    for names in _lists(context):
        kept = [name for name in names if name not in _NEVER]
        if kept and kept[0].casefold() in BACKGROUND:
            found = _numbered(kept[1:], first=1)
        else:
            found = _numbered([name for name in kept if name.casefold() not in BACKGROUND], first=1)
        if found.names and values <= found.label_of.keys():
            return found
    return None


def _numbered(names: tuple[str, ...] | list[str], *, first: int) -> ValueNames:
    labels = {first + place: place + 1 for place in range(len(names))}
    return ValueNames(names=tuple(map(bounded_text, names)), label_of=MappingProxyType({0: 0} | labels))


def _value_table(context: ReaderContext) -> ValueNames | None:
    """Values with their classes, as Roboflow writes `_classes.csv` beside masks; None where files disagree."""
    by_value: dict[int, str] = {}
    for path in sorted(path for path in context.folder.files if name_of(path).lower() == "_classes.csv"):
        head, *lines = [line.split(",", 1) for line in _text(context, path).splitlines() if "," in line] or [[""]]
        if head[0].strip().casefold() not in {"pixel value", "value"}:
            continue
        for value, name in lines:
            number = value.strip()
            if not number.isdecimal() or by_value.setdefault(int(number[:9]), name.strip()) != name.strip():
                return None
        context.files_read.add(path)
    names = tuple(by_value[value] for value in sorted(by_value) if by_value[value].casefold() not in BACKGROUND)
    labels = {value: names.index(name) + 1 if name in names else 0 for value, name in by_value.items()}
    return ValueNames(names=names, label_of=MappingProxyType({0: 0} | labels)) if names else None


def _lists(context: ReaderContext) -> list[list[str]]:
    """Lists of names, the shallowest first; a file of the same name that holds a table is none."""
    paths = [path for path in context.folder.files if name_of(path).lower() in LIST_NAMES]
    found = []
    for path in sorted(paths, key=lambda path: (path.count("/"), path)):
        if path.lower().endswith((".pbtxt", ".csv")):
            continue
        lines = [line.strip() for line in _text(context, path).splitlines() if line.strip()]
        if lines and all(len(line) <= _LONGEST_NAME and "\t" not in line for line in lines):
            found.append(list(dict.fromkeys(lines)))
    return found


def coloured_names(context: ReaderContext) -> ValueNames | None:
    """What colours stand for, by label maps beside the masks. Values are colours as one number; see `packed`."""
    paths = [path for path in context.folder.files if name_of(path).lower() in _COLOUR_MAPS]
    for path in sorted(paths, key=lambda path: (path.count("/"), path)):
        text = _text(context, path)
        colours = _colours_of_json(text) if path.lower().endswith(".json") else _colours_of_lines(text)
        names = [name for name in colours if name.casefold() not in BACKGROUND and any(colours[name])]
        if names:
            labels = {packed(colours[name]): place for place, name in enumerate(names, start=1)}
            others = {packed(colours[name]): 0 for name in colours if name not in names}
            return ValueNames(
                names=tuple(map(bounded_text, names)), label_of=MappingProxyType({0: 0} | others | labels)
            )
    return None


def packed(colour: Colour) -> int:
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def _colours_of_lines(text: str) -> dict[str, Colour]:
    found: dict[str, Colour] = {}
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#"):
            continue
        bare = _ID_FIRST.sub("", line, count=1)
        match = _NAMED_COLOUR.fullmatch(bare) or _COLOUR_NAMED.fullmatch(bare)
        colour = _colour([int(part) for part in re.split(r"[\s,;]+", match["rgb"])]) if match else None
        if match and colour is not None:
            found.setdefault(match["name"].strip(), colour)
    return found


def _colours_of_json(text: str) -> dict[str, Colour]:
    try:
        content = parse_json(text)
    except ValueError:
        return {}
    pairs = content.items() if isinstance(content, dict) else _pairs(content) if isinstance(content, list) else ()
    return {str(name): colour for name, value in pairs if (colour := _colour(value)) is not None}


def _pairs(rows: list[Any]) -> list[tuple[str, Any]]:
    named = [row for row in rows if isinstance(row, dict)]
    return [
        (str(row.get("name", row.get("label"))), row.get("color", row.get("colour", row.get("rgb"))))
        for row in named
        if "name" in row or "label" in row
    ]


def _colour(value: Any) -> Colour | None:
    if isinstance(value, list) and len(value) >= 3 and all(isinstance(part, int) for part in value[:3]):
        red, green, blue = value[:3]
        if all(0 <= part <= 255 for part in (red, green, blue)):
            return red, green, blue
    return None


def _text(context: ReaderContext, path: str) -> str:
    file = context.folder.root / path
    if file.stat().st_size > LIST_LIMIT_BYTES:
        return ""
    return decoded_or_replaced(file.read_bytes(), declared=context.declaration.encoding)
