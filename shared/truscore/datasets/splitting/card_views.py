"""Views of one card, by their names: front and back, its corners and edges, shots of a row, lights.

A view is what a name ends with, or a folder between: `card7_front`, `card7_back_tl`, `card7_1of4`, `front/card7`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from truscore.datasets.paths import stem_of

_VERTICAL, _HORIZONTAL = "(?:top|bottom|upper|lower|oben|unten)", "(?:left|right|links|rechts)"
_SIDE = "front|back|obverse|reverse|recto|verso|vorne|hinten|vorderseite|r(?:ü|u|ue)ckseite"
_NUMBERED = r"(?:corner|edge|view|side|crop|angle|light|led|shot|exposure|exp|ev|ecke|kante|seite)[_\- ]?[+-]?\d{1,3}"
_CORNER = rf"{_VERTICAL}[_\- ]?{_HORIZONTAL}|{_HORIZONTAL}[_\- ]?{_VERTICAL}|[tb][lr]|[ul][lr]|[lr][tb]"
_PLACE = (
    rf"(?:(?:corner|edge|crop|ecke|kante)[_\- ]?)?(?:{_CORNER}|top|bottom|left|right|up|down|oben|unten|links|rechts)"
)
_OF = r"\d{1,2}[_\- ]?of[_\- ]?\d{1,2}"
_ENDS = re.compile(rf"(?P<card>.*?)(?:^|(?<=.)[_\-. (]+)(?P<view>{_SIDE}|{_PLACE}|{_NUMBERED}|{_OF}|[fb])\)?")
_FOLDER = re.compile(rf"(?:{_SIDE}|corners?|edges?|{_CORNER})s?")
_CORNER_END = re.compile(rf".+[_\- ](?:{_CORNER})", re.IGNORECASE)
# Roboflow's NAME_jpg.rf.HASH
_EXPORTED = re.compile(r"(?P<name>.+?)(?:[_-](?:jpe?g|png|bmp|webp|tiff?))?\.rf\.[0-9a-z]{16,}")
_MOST_VIEWS = 64


def card_and_view(stem: str) -> tuple[str, str]:
    """The card that a file's name without ending names, and the view; no view: the whole name and ""."""
    name = stem.casefold()
    exported = _EXPORTED.fullmatch(name)
    card, views = exported["name"] if exported else name, []
    while match := _ENDS.fullmatch(card):
        if _is_numbered(match["view"]) and not any(map(str.isdecimal, match["card"])):
            break  # "scan_shot_1" to "scan_shot_900" are not one card's
        card = match["card"]
        views.append(match["view"])
    return (card, "_".join(reversed(views))) if views else (card, "")


def ends_with_corner(path: str) -> bool:
    """Whether a name ends with a corner's: `top_left` is no light from the left."""
    return _CORNER_END.fullmatch(stem_of(path)) is not None


def groups_by_view(paths: Iterable[str]) -> dict[str, str]:
    """The group of each image that shows the same card as another one under another view, by name and folder."""
    views: dict[str, dict[str, str]] = defaultdict(dict)
    for path in paths:
        folders = path.casefold().split("/")[:-1]
        between = [name for name in folders if _FOLDER.fullmatch(name)]
        card, view = card_and_view(stem_of(path))
        key = "/".join([*(name for name in folders if name not in between), card])
        views[key][path] = "/".join([*between, view] if view else between)
    found: dict[str, str] = {}
    for key, members in views.items():
        seen = set(members.values())
        if len(seen) > 1 and any(seen) and len(seen) <= _MOST_VIEWS and not _is_half_a_pair(seen):
            found |= dict.fromkeys(members, f"card {key}")
    return found


def _is_half_a_pair(views: set[str]) -> bool:
    """`card7` beside `card7_b`: one letter says little on its own."""
    return views - {""} in ({"f"}, {"b"})


def _is_numbered(view: str) -> bool:
    return view[-1].isdecimal()
