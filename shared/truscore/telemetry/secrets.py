"""Keeps secrets out of what is written. Knows what a secret looks like; knows no log."""

import re
from collections.abc import Mapping
from typing import Any, Final

HIDDEN: Final = "***"
# user:password@ of an address; the password may hold anything but blanks, slashes, quotes and @ (those are encoded).
_IN_ADDRESS: Final = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^\s:/@\"']*:)[^\s/@\"']+(?=@)", re.IGNORECASE)
_IN_NAME: Final = re.compile(
    r"password|passwd|secret|token|api_?key|access_?key|credential|authorization", re.IGNORECASE
)


def without_secrets(text: str) -> str:
    """The text with the passwords of all addresses in it hidden."""
    return _IN_ADDRESS.sub(rf"\g<before>{HIDDEN}", text)


def hide_named(values: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping with every value hidden whose name says that it is a secret, at any depth."""
    return {name: HIDDEN if _IN_NAME.search(str(name)) else _inside(value) for name, value in values.items()}


def _inside(value: Any) -> Any:
    if isinstance(value, Mapping):
        return hide_named(value)
    if isinstance(value, list | tuple):
        return [_inside(item) for item in value]
    return value
