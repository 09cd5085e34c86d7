"""Maps of what objects under many lights do to light: do they fit the views, are they whole, and can they be so?"""

from collections import Counter
from collections.abc import Iterator

from truscore.validation.rule import Check, Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import RuleContext

_PARTS = ("albedo", "roughness", "f0")


def missing_partners(context: RuleContext) -> Iterator[Occurrence]:
    """Objects of which some of albedo, roughness and F0 are known, and not all."""
    for lit_object in context.index.objects:
        known = [part for part in _PARTS if getattr(lit_object, part) is not None]
        if 0 < len(known) < len(_PARTS):
            lacking = ", ".join(part for part in _PARTS if part not in known)
            message = f"object {lit_object.name!r} has {', '.join(known)} and no {lacking} that could be read"
            yield Occurrence(message=message, location=lit_object.reflectance[0].path)


def reflectance_of_other_size(context: RuleContext) -> Iterator[Occurrence]:
    """Maps of another size than the object's views."""
    for lit_object, images in context.views():
        if not images:
            continue
        (width, height), _ = Counter((image.width, image.height) for image in images).most_common(1)[0]
        for found in lit_object.reflectance:
            if (found.width, found.height) != (width, height):
                message = f"map is {found.width}x{found.height} px, the views are {width}x{height}"
                yield Occurrence(message=message, location=found.path)


def impossible_reflectance(context: RuleContext) -> Iterator[Occurrence]:
    """Maps that hold what no surface has, where the object is."""
    least = context.policy.possible_reflectance_share
    for lit_object in context.index.objects:
        for found in lit_object.reflectance:
            if found.possible_px < least * found.expected_px:
                message = f"{found.possible_px} of {found.expected_px} pixels of the object have a value that can be"
                yield Occurrence(message=f"{message}, accepted from {least:.0%}", location=found.path)


_ROWS: tuple[tuple[str, Family, Severity, Check, str, str, str], ...] = (
    (
        "coverage.reflectance_incomplete",
        Family.COVERAGE,
        Severity.WARNING,
        missing_partners,
        "objects of which some of albedo, roughness and F0 are known, and not all",
        "a surface is learnt from all three: the object is left out where reflectance is learnt",
        "add the missing one of albedo.npy, roughness.npy and f0.npy",
    ),
    (
        "label.reflectance_size",
        Family.LABELS,
        Severity.ERROR,
        reflectance_of_other_size,
        "maps of albedo, roughness or F0 of another size than the views",
        "each value is that of another pixel",
        "export map and views alike",
    ),
    (
        "label.reflectance_impossible",
        Family.LABELS,
        Severity.ERROR,
        impossible_reflectance,
        "maps of albedo, roughness or F0 that hold what no surface has",
        "shares of light above 1 or below 0 teach and measure nothing",
        "write albedo and F0 from 0 to 1, roughness (alpha of GGX) from 0.01 to 1",
    ),
)

RULES = tuple(
    Rule(id=name, family=family, severity=severity, finds=finds, why=why, mend=mend, check=check)
    for name, family, severity, check, finds, why, mend in _ROWS
)
