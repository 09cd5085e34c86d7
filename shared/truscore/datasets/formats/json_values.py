"""Values out of JSON that anybody may have written: numbers, pairs, names, each checked where it is used."""

from __future__ import annotations

from typing import Any

from truscore.datasets.paths import IMAGE_SUFFIXES, suffix_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.text_file import UnknownEncoding, decode_text, read_json
from truscore.datasets.shapes.parse import BadShape, numbers, polygon_from, written_number

Entry = dict[str, Any]
UNREADABLE, STRUCTURE = "format.annotations.unreadable", "format.annotations.structure"
LEFT_OUT, KIND_UNREAD = "format.annotations.left_out", "label.kind_unread"
SNIFFED_FILES = 50
_SNIFFED_BYTES = 64 * 1024


def json_files(context: ReaderContext, *words: str) -> list[str]:
    """JSON files that have all these words in their first part, the smallest first: others are not worth parsing."""
    folder = context.folder
    paths = sorted(folder.with_suffix(".json"), key=lambda path: ((folder.root / path).stat().st_size, path))
    return [path for path in paths if all(word in _head(context, path) for word in words)]


def load_json(context: ReaderContext, path: str) -> Any:
    """The file's JSON; None after reporting why there is none."""
    limit_bytes = context.limits.annotation_file_bytes
    return read_json(context, path, code=UNREADABLE, limit_bytes=limit_bytes)


def number(entry: Entry, key: str, default: float | None = None) -> float:
    """A finite number, also one that is written as text. Raises BadShape."""
    value: Any = entry.get(key, default)
    if isinstance(value, str):
        try:
            value = written_number(value)
        except ValueError as error:
            raise BadShape("label.malformed", f"{key} is {value!r:.40}, expected a number") from error
    return numbers([value], what=key)[0]


def points(values: Any, *, limit: int, what: str = "points") -> tuple[float, ...]:
    """x0, y0, x1, y1, ... from pairs, from objects with x and y, or from a flat list. Raises BadShape."""
    if not isinstance(values, list):
        raise BadShape("label.malformed", f"{what} are {values!r:.60}, expected a list")
    if len(values) > 2 * limit:
        raise BadShape("label.too_many", f"{len(values)} {what}, at most {limit} are read")
    if values and all(isinstance(pair, dict) for pair in values):
        values = [[pair.get("x"), pair.get("y")] for pair in values]
    if values and all(isinstance(pair, list) for pair in values):
        if any(len(pair) != 2 for pair in values):
            raise BadShape("label.malformed", f"{what} are {values!r:.60}, expected pairs of numbers")
        values = [value for pair in values for value in pair]
    if len(values) % 2:
        raise BadShape("label.malformed", f"{what} are {len(values)} numbers, expected pairs")
    return numbers(values, what=what)


def polygon(values: Any, *, limit: int) -> tuple[float, ...]:
    """As `points`, at least three of them. Raises BadShape."""
    return polygon_from(points(values, limit=limit), points_limit=limit)


def pixels(value: Any) -> int | None:
    """A size in whole pixels, also one that is written as text or as a float."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        value = int(value)
    whole = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9 and value == int(value)
    return int(value) if whole else None


def names(value: Any) -> tuple[str, ...]:
    """Class names from a list of texts, or one text; whatever else is there is left out."""
    values = value if isinstance(value, list) else [value]
    return tuple(bounded_text(name.strip()) for name in values if isinstance(name, str) and name.strip())


def written_names(value: Any, what: str) -> tuple[str, ...]:
    """As `names`, of a value that has nothing else. Raises BadShape."""
    values = value if isinstance(value, list) else [value]
    if odd := [one for one in values if one is not None and not isinstance(one, str)]:
        raise BadShape("label.malformed", f"{what} holds {odd[0]!r:.40}, expected a name")
    return names(values)


def entries(context: ReaderContext, values: Any, what: str, where: str) -> list[Entry]:
    """The objects of a list; what is none is reported."""
    if values is None:
        return []
    if not isinstance(values, list):
        context.log.add(STRUCTURE, f"`{what}` is a {type(values).__name__}, expected a list", where)
        return []
    for at, value in enumerate(values):
        if not isinstance(value, dict):
            context.log.add(STRUCTURE, f"`{what}` holds {value!r:.60}, expected an object", f"{where}#{at}")
    return [value for value in values if isinstance(value, dict)]


def looks_like_image(value: Any) -> bool:
    """Whether a text is the path or address of an image."""
    if not isinstance(value, str) or not value or len(value) > 4096:
        return False
    bare = value.split("?")[0].split("#")[0]
    return any(suffix_of(text.replace("\\", "/").rstrip("/")) in IMAGE_SUFFIXES for text in (bare, value))


def _head(context: ReaderContext, path: str) -> str:
    with (context.folder.root / path).open("rb") as file:
        head = file.read(_SNIFFED_BYTES)
    try:
        return decode_text(head, declared="latin-1").text
    except UnknownEncoding:
        return head.decode("latin-1")
