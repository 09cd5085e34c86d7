"""What a dataset's maker declares in `truscore.json` at its root: what annotation formats have no place for."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from truscore.datasets.index.response import LEAST_GAMMA, MOST_GAMMA, RESPONSES, USUAL_GAMMA, Response
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.problems import ProblemLog, bounded_text
from truscore.datasets.strict_json import parse_json

DECLARATION_FILE = "truscore.json"
_LIMIT_BYTES = 4 * 1024 * 1024
_CLASSES_LIMIT = 10_000
_UNITS = ("um", "mm", "m")
_BOXES = ("xyxy", "xywh", "cxcywh")


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """All of it optional. `mask_threshold`: pixels above it are marked. `mask_values`: a mask's values are labels
    ("classes"), or class x 1000 + instance ("instances"). `scores`: columns of tables that are scores. `boxes`: what
    the four numbers of a box are. `grades`: the number each class stands for. `class_map`: this dataset's class names
    to those wanted. `groups`: images (or folders, with "/" at the end) of one thing, by its name; no split divides
    them. `encoding`: of text files that are not UTF-8. `crowd` "things": marks said to be crowds are single things.
    `camera_unit`: of lengths in published files of cameras, millimetres where it is not given. `response`: how numbers
    of views under lights follow the light; None where nobody said. `proposed_normals`: the solver that normal maps come
    from, which nobody measured then."""

    format: str = ""
    classes: tuple[str, ...] = ()
    grades: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    class_map: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    mask_threshold: int | None = None
    mask_values: str = ""
    scores: tuple[str, ...] = ()
    boxes: str = ""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    encoding: str = ""
    crowd: str = ""
    camera_unit: str = ""
    response: Response | None = None
    proposed_normals: str = ""


def read_declaration(folder: Folder, log: ProblemLog) -> Declaration:
    """The folder's declaration; what cannot be used of it is reported and left out."""
    if DECLARATION_FILE not in folder.files:
        return Declaration()
    file = folder.root / DECLARATION_FILE
    if file.stat().st_size > _LIMIT_BYTES:
        log.add("format.declaration", f"larger than {_LIMIT_BYTES} bytes", DECLARATION_FILE)
        return Declaration()
    try:
        content = parse_json(file.read_bytes())
    except ValueError as error:
        log.add("format.declaration", str(error), DECLARATION_FILE)
        return Declaration()
    if not isinstance(content, dict):
        log.add("format.declaration", "expected a JSON object", DECLARATION_FILE)
        return Declaration()
    return Declaration(**_accepted(content, log))


def declaration_to_json(declaration: Declaration) -> str:
    """What read_declaration reads; only what is declared is written."""
    data: dict[str, Any] = {
        "format": declaration.format,
        "classes": list(declaration.classes),
        "grades": dict(declaration.grades),
        "class_map": dict(declaration.class_map),
        "mask_threshold": declaration.mask_threshold,
        "mask_values": declaration.mask_values,
        "scores": list(declaration.scores),
        "boxes": declaration.boxes,
        "groups": {name: list(members) for name, members in declaration.groups.items()},
        "encoding": declaration.encoding,
        "crowd": declaration.crowd,
        "camera_unit": declaration.camera_unit,
        "proposed_normals": declaration.proposed_normals,
    }
    if declaration.response is not None:
        data["response"] = declaration.response.kind
        data["gamma"] = declaration.response.gamma if declaration.response.kind == "gamma" else None
    given = {key: value for key, value in data.items() if value not in ("", [], {}, None)}
    return json.dumps(given, indent=2, ensure_ascii=False) + "\n"


def _accepted(content: dict[str, Any], log: ProblemLog) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in content.items():
        expected, read = _KEYS.get(key, ("", None))
        taken = read(value) if read else None
        if taken is None:
            accepted = expected or f"accepted keys are {', '.join(_KEYS)}"
            log.add("format.declaration", f"{key!r:.80} is {value!r:.80}; {accepted}", DECLARATION_FILE)
        else:
            found[key] = taken
    gamma = found.pop("gamma", None)
    if kind := found.get("response"):
        found["response"] = Response(kind=kind, gamma=gamma or USUAL_GAMMA) if kind == "gamma" else Response(kind=kind)
    if gamma is not None and kind != "gamma":
        text = f'\'gamma\' is {gamma:g} without a response that has one; expected "response": "gamma" beside it'
        log.add("format.declaration", text, DECLARATION_FILE)
    return found


def _text(value: Any) -> str | None:
    return bounded_text(value) if isinstance(value, str) and value else None


def _names(value: Any) -> tuple[str, ...] | None:
    named = isinstance(value, list) and all(isinstance(name, str) and name for name in value)
    if not named or len(value) > _CLASSES_LIMIT or len(set(value)) < len(value):
        return None
    return tuple(bounded_text(name) for name in value)


def _grades(value: Any) -> Mapping[str, float] | None:
    if not isinstance(value, dict) or not all(_is_number(grade) for grade in value.values()):
        return None
    return MappingProxyType({bounded_text(name): float(grade) for name, grade in value.items()})


def _class_map(value: Any) -> Mapping[str, str | None] | None:
    if not isinstance(value, dict) or not all(
        name is None or (isinstance(name, str) and name) for name in value.values()
    ):
        return None
    return MappingProxyType(
        {bounded_text(name): None if to is None else bounded_text(to) for name, to in value.items()}
    )


def _threshold(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 65536 else None


def _mask_values(value: Any) -> str | None:
    return value if value in {"classes", "instances"} else None


def _encoding(value: Any) -> str | None:
    try:
        # base64 and zip are codecs too, and no text.
        return "".encode(value).decode(value) or codecs.lookup(value).name
    except (LookupError, TypeError, ValueError):
        return None


def _crowd(value: Any) -> str | None:
    return value if value == "things" else None


def _camera_unit(value: Any) -> str | None:
    return value if value in _UNITS else None


def _response(value: Any) -> str | None:
    return value if value in RESPONSES else None


def _gamma(value: Any) -> float | None:
    return float(value) if _is_number(value) and LEAST_GAMMA <= value <= MOST_GAMMA else None


def _boxes(value: Any) -> str | None:
    return value if value in _BOXES else None


def _groups(value: Any) -> Mapping[str, tuple[str, ...]] | None:
    named = isinstance(value, dict) and all(
        isinstance(members, list) and all(isinstance(member, str) and member for member in members)
        for members in value.values()
    )
    if not named or not all(value):
        return None
    return MappingProxyType({bounded_text(name): tuple(map(bounded_text, members)) for name, members in value.items()})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


_KEYS: Mapping[str, tuple[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "format": ("expected the name of a format", _text),
        "classes": ("expected a list of different class names", _names),
        "grades": ("expected an object from class name to number", _grades),
        "class_map": ("expected an object from class name to the class wanted, or null to leave it out", _class_map),
        "mask_threshold": ("expected a whole number from 0: pixels above it are marked", _threshold),
        "mask_values": (
            'expected "classes" or "instances": a mask\'s values are class numbers, or class x 1000 + instance',
            _mask_values,
        ),
        "scores": ("expected a list of different names of columns", _names),
        "boxes": (f"expected one of {', '.join(_BOXES)}: corners; corner and size; centre and size", _boxes),
        "groups": ("expected an object from a group's name to a list of its images and folders", _groups),
        "encoding": (
            "expected the name of an encoding of text, such as cp1252 or gb18030",
            _encoding,
        ),
        "crowd": ('expected "things", where marks said to be crowds are single things', _crowd),
        "camera_unit": (f"expected one of {', '.join(_UNITS)}: of lengths in files of cameras", _camera_unit),
        "proposed_normals": ("expected the name of the solver that normal maps come from", _text),
        "response": (f"expected one of {', '.join(RESPONSES)}: of views under lights", _response),
        "gamma": (
            f"expected a number from {LEAST_GAMMA:g} to {MOST_GAMMA:g}: files hold intensity to the power 1 / gamma",
            _gamma,
        ),
    }
)
