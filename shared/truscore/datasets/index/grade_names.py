"""Grades as graders and collectors write them: `PSA 8 NM-MT (OC)`, `BGS 9,5`, `GEM MT`, on one scale from 1 to 10.

The numbers of the companies count as they are; SGC's former scale of 100 is brought to that of 10. A qualifier (`OC`:
off centre, `MK`: marks) is kept and changes no number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

HIGHEST = 10.0
QUALIFIERS = frozenset({"oc", "mk", "st", "pd", "of", "mc"})
GRADING_COMPANIES: Mapping[str, str] = MappingProxyType(
    {name: name.upper() for name in ("psa", "bgs", "bvg", "bccg", "sgc", "cgc", "csg", "hga", "tag", "ace", "gma")}
    | {name: name.upper() for name in ("ags", "isa", "ksa", "gai", "mnt")}
    | {"beckett": "BGS"}
)
_HEADINGS = frozenset({"grade", "quality", "score", "rating", "level", "note", "final", "overall"})
_SHORT = MappingProxyType(
    {"mint": "mt", "near": "n", "nearmint": "nm", "nrmt": "nm mt", "nmmt": "nm mt", "exmt": "ex mt", "exnm": "ex nm"}
    | {"vgex": "vg ex", "excellent": "ex", "good": "gd", "g": "gd", "fair": "fr", "poor": "pr", "gm": "gem mt"}
    | {"gemmt": "gem mt", "gemmint": "gem mt"}
)
_LABELS = frozenset({"black", "gold", "label"})
_WORDS: Mapping[str, float] = MappingProxyType(
    {"pristine": 10.0, "perfect": 10.0, "gem mt": 10.0, "gem": 10.0, "mt": 9.0, "nm mt": 8.0, "nm": 7.0}
    | {"ex mt": 6.0, "ex nm": 6.0, "ex": 5.0, "vg ex": 4.0, "vg": 3.0, "gd": 2.0, "fr": 1.5, "pr": 1.0}
)
_GEM_MINT_BELOW_PRISTINE = frozenset({"BGS", "BVG"})  # 9.5; 10 is called pristine there
_SGC_HUNDRED: Mapping[float, float] = MappingProxyType(
    {100.0: 10.0, 98.0: 10.0, 96.0: 9.0, 92.0: 8.5, 88.0: 8.0, 86.0: 7.5, 84.0: 7.0, 82.0: 6.5, 80.0: 6.0, 70.0: 5.5}
    | {60.0: 5.0, 55.0: 4.5, 50.0: 4.0, 45.0: 3.5, 40.0: 3.0, 35.0: 2.5, 30.0: 2.0, 20.0: 1.5}
)
_MISSING = frozenset(
    {"", "-", "--", "?", ".", "x", "n/a", "na", "n.a.", "nan", "null", "nil", "none", "empty", "missing", "unknown"}
    | {"tbd", "pending", "ungraded", "not graded", "no grade", "unrated", "k.a.", "ohne", "keine", "n1", "psa n1"}
    | {"#n/a", "#nv", "#wert!", "<na>", "undefined"}
)
_WITHOUT_NUMBER = frozenset({"authentic", "auth", "altered", "aa", "aut"})
# A half is written with a point, a comma or, in names of folders, a sign that these may hold.
_PART = re.compile(
    r"(?P<number>\d{1,3})(?:[.,](?P<tenths>\d)0*|[_-](?P<half>5)(?!\d)|(?P<sign> ?½| 1/2))?(?:/10(?!\d))?(?![\d.,])"
    r"|(?P<word>[a-z]+)(?P<plus>\+?)|(?P<gap>[\s_\-/():\[\]]+)"
)
_NEGATIVE = re.compile(r"[\s\-+]+\d")
_LONGEST = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Grade:
    """`value` is None for a card that was looked at and given no number: authentic, altered."""

    value: float | None
    grader: str = ""
    qualifiers: tuple[str, ...] = ()


def is_missing_grade(text: str) -> bool:
    """Whether a field of grades means that there is none."""
    return " ".join(text.casefold().replace("_", " ").split()) in _MISSING


def parse_grade(text: str, *, grader: str = "") -> Grade | None:
    """The grade that a field or the name of a folder states; None where it states none.

    `grader` is a company named elsewhere, in a column of its own.
    """
    written = text.strip().casefold()
    parts = _parts(written) if len(written) <= _LONGEST and not _NEGATIVE.match(written) else None
    if parts is None:
        return None
    numbers, words, plus = parts
    company, qualifiers, rest = GRADING_COMPANIES.get(grader.strip().casefold(), ""), [], []
    for word in words:
        if word in GRADING_COMPANIES:
            company = GRADING_COMPANIES[word]
        elif word in QUALIFIERS:
            qualifiers.append(word.upper())
        elif word not in _HEADINGS | _LABELS:
            rest.append(word)
    marks = tuple(dict.fromkeys(qualifiers))
    if not numbers and len(rest) == 1 and rest[0] in _WITHOUT_NUMBER:
        return Grade(value=None, grader=company, qualifiers=marks)
    condition = _condition(rest)
    if len(numbers) > 1 or (rest and condition is None) or (not numbers and condition is None):
        return None
    value = numbers[0] if numbers else _value_of_words(condition or 0.0, rest, company, plus)
    if company == "SGC" and value > HIGHEST:
        value = _SGC_HUNDRED.get(value, value)
    if value > HIGHEST and (condition is not None or marks or company):
        return None
    return Grade(value=value, grader=company, qualifiers=marks)


def _parts(written: str) -> tuple[list[float], list[str], bool] | None:
    """Numbers, words and whether a plus stands behind a word; None where anything else is written."""
    numbers: list[float] = []
    words: list[str] = []
    plus, at = False, 0
    while at < len(written):
        match = _PART.match(written, at)
        if match is None:
            return None
        at = match.end()
        if match["number"]:
            tenths = match["tenths"] or match["half"] or ("5" if match["sign"] else "0")
            numbers.append(int(match["number"]) + int(tenths) / 10)
        elif match["word"]:
            words += _SHORT.get(match["word"], match["word"]).split()
            plus = plus or bool(match["plus"])
    return numbers, words, plus


def _condition(words: list[str]) -> float | None:
    """The number that the words of a condition stand for; None for none, and for other words."""
    text = " ".join(words).replace("n mt", "nm").replace("very gd", "vg")
    return _WORDS.get(text)


def _value_of_words(value: float, words: list[str], company: str, plus: bool) -> float:
    if words[:1] == ["gem"] and company in _GEM_MINT_BELOW_PRISTINE:
        return 9.5
    return min(value + 0.5, HIGHEST) if plus and value >= 2 else value
