"""What the board holds as JSON, and back: plain values, arrays, and the monitor's own dataclasses. No code is run by
reading it, whatever is in it."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any, Final

from services.monitor import alerts, curve, extremes, facts, orders, run

KINDS: Final[Mapping[str, type[Any]]] = {
    f"{module.__name__.rpartition('.')[2]}.{name}": kind
    for module in (alerts, curve, extremes, facts, orders, run)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__
}
_NAMES: Final = {kind: name for name, kind in KINDS.items()}
_FIELDS: Final = {kind: tuple(field.name for field in fields(kind)) for kind in KINDS.values()}
ARRAYS: Final = frozenset("Qd")


class NoSnapshot(ValueError):
    """What was read is not what this code writes."""


def encoded(value: Any) -> Any:
    """As JSON has it. TypeError for what the board never holds."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if (name := _NAMES.get(type(value))) is not None:
        return {"c": name, "v": [encoded(getattr(value, field)) for field in _FIELDS[type(value)]]}
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    raise TypeError(f"{type(value).__name__} has no place in a snapshot")


_WRITERS: Final[tuple[tuple[type[Any], Callable[[Any], Any]], ...]] = (
    # JSON has no NaN and no infinity; Python's text of any other number is read back as the very same.
    (float, lambda value: value if isfinite(value) else {"f": repr(value)}),
    (array, lambda value: {"a": value.typecode, "v": base64.b64encode(value.tobytes()).decode()}),
    (bytes, lambda value: {"b": base64.b64encode(value).decode()}),
    (tuple, lambda value: {"t": [encoded(each) for each in value]}),
    (frozenset, lambda value: {"s": [encoded(each) for each in sorted(value)]}),
    (Mapping, lambda value: {"d": [[encoded(key), encoded(each)] for key, each in value.items()]}),
)


def decoded(value: Any) -> Any:
    """What `encoded` made it of. Raises NoSnapshot."""
    try:
        return _decoded(value)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise NoSnapshot(f"a value of a kind that is not known here: {type(error).__name__}") from error


def _decoded(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    for key, read in _READERS.items():
        if key in value:
            return read(value)
    raise KeyError(next(iter(value), ""))


def _of_class(value: dict[str, Any]) -> Any:
    kind = KINDS[value["c"]]
    return kind(**dict(zip(_FIELDS[kind], map(_decoded, value["v"]), strict=True)))


def _array(value: dict[str, Any]) -> array[Any]:
    if value["a"] not in ARRAYS:
        raise KeyError(value["a"])
    made: array[Any] = array(value["a"])
    made.frombytes(base64.b64decode(value["v"], validate=True))
    return made


_READERS: Final[Mapping[str, Callable[[dict[str, Any]], Any]]] = {
    "c": _of_class,
    "a": _array,
    "f": lambda value: float(value["f"]),
    "b": lambda value: base64.b64decode(value["b"], validate=True),
    "t": lambda value: tuple(map(_decoded, value["t"])),
    "s": lambda value: frozenset(map(_decoded, value["s"])),
    "d": lambda value: {_decoded(key): _decoded(each) for key, each in value["d"]},
}
