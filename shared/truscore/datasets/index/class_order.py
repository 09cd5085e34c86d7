"""Names in the order people mean: numbers by value, and grades from the worst to the best."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

from truscore.datasets.index.grade_names import parse_grade

_DIGITS = re.compile(r"(\d+)")

# Condition words of the trading-card market, worst first; a plus or minus is a step of its own.
_CONDITIONS: tuple[tuple[str, ...], ...] = (
    ("damaged", "dmg", "poor"),
    ("hp-",),
    ("hp", "heavily played"),
    ("hp+",),
    ("mp-",),
    ("mp", "moderately played"),
    ("mp+",),
    ("lp-",),
    ("lp", "lightly played", "slightly played", "excellent"),
    ("lp+",),
    ("nm-",),
    ("nm", "near mint"),
    ("nm+",),
    ("m", "mint"),
)
CONDITION_GRADES: Mapping[str, float] = MappingProxyType(
    {word: float(rank) for rank, words in enumerate(_CONDITIONS, start=1) for word in words}
)


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts psa2 before psa10."""
    parts = _DIGITS.split(name.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def order_classes(names: Collection[str], *, declared: Mapping[str, float] = MappingProxyType({})) -> tuple[str, ...]:
    """Class names by grade where all are grades, else in natural order."""
    grades = grades_by_name(names, declared=declared)
    return tuple(sorted(set(names), key=lambda name: (grades.get(name, 0.0), natural_key(name), name)))


def grades_of(names: Sequence[str], *, declared: Mapping[str, float] = MappingProxyType({})) -> tuple[float, ...]:
    """The number each class stands for; empty unless every name is a grade, in rising order.

    A grade is what `declared` says it is, a number (`7`, `psa7`, `PSA 8 NM-MT`), a condition word (`LP+`), or the words
    of a grader (`GEM MT`).
    """
    grades = grades_by_name(names, declared=declared)
    values = tuple(grades[name] for name in names) if grades else ()
    rising = all(low < high for low, high in pairwise(values))
    return values if rising and len(values) > 1 else ()


def grades_by_name(
    names: Collection[str], *, declared: Mapping[str, float] = MappingProxyType({})
) -> Mapping[str, float]:
    """The number each name stands for, several names perhaps for one; empty where one of them is no grade."""
    for read in (declared.get, _number, _condition, _grade):
        found = {name: grade for name in names if (grade := read(name)) is not None}
        if len(found) == len(set(names)):
            return found
    return {}


def _number(name: str) -> float | None:
    return _grade(name) if any(map(str.isdecimal, name)) else None


def _condition(name: str) -> float | None:
    return CONDITION_GRADES.get(" ".join(name.casefold().split()))


def _grade(name: str) -> float | None:
    grade = parse_grade(name)
    return None if grade is None else grade.value
