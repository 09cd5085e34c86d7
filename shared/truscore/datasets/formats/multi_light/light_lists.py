"""Lists of lights and of the images taken under them, one to a line. Knows text; nothing of folders or images."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass

from truscore.datasets.reading.context import ReaderContext
from truscore.files import read_at_most

Vector = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class LightFault:
    """A line that says nothing usable; `line` counts from 1."""

    code: str
    line: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LightList:
    """`vectors` has one entry a light, None where its line is at fault; `declared` is the count that stands above."""

    vectors: tuple[Vector | None, ...]
    faults: tuple[LightFault, ...] = ()
    declared: int | None = None


def directions_in(text: str) -> LightList:
    """Three numbers a line, with or without their count on the first line; fields part at spaces or commas."""
    lines = _filled(text)
    declared = None
    if lines and (count := _count(lines[0][1])) is not None:
        declared, lines = count, lines[1:]
    return _listed(lines, widths=(3,), declared=declared)


def rti_directions_in(text: str) -> LightList:
    """Of lines of an image's name and three numbers, as reflectance transformation imaging lists them: the numbers."""
    lines = _filled(text)
    declared = None
    if lines and (count := _count(lines[0][1])) is not None:
        declared, lines = count, lines[1:]
    numbers = [(number, " ".join(line.split()[-3:]) if len(line.split()) > 3 else line) for number, line in lines]
    return _listed(numbers, widths=(3,), declared=declared)


def rti_images_in(text: str) -> tuple[tuple[int, str], ...]:
    """The names of the same lines: other machines' paths are cut to what lies beside the list."""
    named = ((number, " ".join(line.split()[:-3])) for number, line in images_in(text))
    return tuple((number, re.split(r"[/\\]", name)[-1]) for number, name in named)


def intensities_in(text: str) -> LightList:
    """Red, green and blue a line, or one number for all three, each above 0."""
    found = _listed(_filled(text), widths=(1, 3), declared=None)
    numbers = [line for line, _ in _filled(text)]
    vectors, faults = list(found.vectors), list(found.faults)
    for place, vector in enumerate(vectors):
        if vector is not None and min(vector) <= 0:
            vectors[place] = None
            text_of_fault = f"intensity {min(vector):g}; accepted are numbers above 0"
            faults.append(LightFault(code="format.multi_light.value", line=numbers[place], text=text_of_fault))
    return LightList(vectors=tuple(vectors), faults=tuple(faults))


def images_in(text: str) -> tuple[tuple[int, str], ...]:
    """File names in the order of the lights, each with its line from 1; their count may stand on the first line."""
    lines = _filled(text)
    if lines and _count(lines[0][1]) is not None:
        lines = lines[1:]
    return tuple((number, line.strip()) for number, line in lines)


def read_light_text(context: ReaderContext, path: str) -> str | None:
    """The text of a list; None after reporting why it cannot be read."""
    limits, log = context.limits, context.log
    content = read_at_most(context.folder.root / path, limits.label_file_bytes)
    if content is None:
        log.add("format.multi_light.unreadable", f"larger than {limits.label_file_bytes} bytes", path)
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        log.add("format.multi_light.unreadable", f"not UTF-8 text: {error.reason} at byte {error.start}", path)
        return None
    context.files_read.add(path)
    lines = text.count("\n") + 1
    if lines > limits.lights_per_object:
        log.add("format.multi_light.unreadable", f"{lines} lines; at most {limits.lights_per_object} are read", path)
        return None
    return text


def _filled(text: str) -> list[tuple[int, str]]:
    """Lines that are not blank, numbered from 1."""
    return [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _count(line: str) -> int | None:
    word = line.strip()
    return int(word) if word.isascii() and word.isdigit() and len(word) < 10 else None


def _listed(lines: list[tuple[int, str]], *, widths: Collection[int], declared: int | None) -> LightList:
    vectors: list[Vector | None] = []
    faults: list[LightFault] = []
    for number, line in lines:
        found = _vector(number, line, widths)
        vectors.append(None if isinstance(found, LightFault) else found)
        if isinstance(found, LightFault):
            faults.append(found)
    return LightList(vectors=tuple(vectors), faults=tuple(faults), declared=declared)


def _vector(number: int, line: str, widths: Collection[int]) -> Vector | LightFault:
    # A line of millions of words is not taken apart to its end.
    values = [_number(word) for word in line.replace(",", " ").split(None, max(widths) + 1)]
    if None in values or len(values) not in widths:
        expected = " or ".join(map(str, sorted(widths)))
        text = f"{line.strip()[:80]!r}; accepted are {expected} numbers a line"
        return LightFault(code="format.multi_light.value", line=number, text=text)
    known = [value for value in values if value is not None]
    if not all(map(math.isfinite, known)):
        text = f"{line.strip()[:80]!r} holds a number that is not finite"
        return LightFault(code="label.light_not_finite", line=number, text=text)
    first, second, third = known * (3 // len(known))
    return first, second, third


def _number(word: str) -> float | None:
    # Python reads 1_0 and digits of other scripts as numbers; other programs do not.
    if not word.isascii() or "_" in word:
        return None
    try:
        return float(word)
    except ValueError:
        return None
