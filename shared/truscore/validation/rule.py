"""What a rule is and what it says when it finds something."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from truscore.validation.rule_context import RuleContext

TEXT_LIMIT = 500
_ALREADY_TRUNCATED = re.compile(r" \(and \d+ more\)$")


class Severity(StrEnum):
    """How much a finding weighs: one error rejects the dataset."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Family(StrEnum):
    """The kinds of question that validation asks."""

    ORDER = "order"
    FORMAT = "format_validation"
    LABELS = "label_consistency"
    BALANCE = "class_balance"
    QUALITY = "image_quality"
    COVERAGE = "annotation_coverage"
    LEAKAGE = "leakage"
    GEOMETRY = "card_geometry"
    SHORTCUT = "shortcuts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Occurrence:
    """One place where a rule found what it looks for."""

    message: str
    location: str = ""


Check = Callable[[RuleContext], Iterable[Occurrence]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One row of the catalogue. Without a check, its occurrences come from the reader or from the order."""

    id: str
    family: Family
    severity: Severity
    finds: str
    why: str
    mend: str
    check: Check | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """An occurrence with the rule that found it; `count` occurrences where several were truncated into one."""

    rule: str
    severity: Severity
    message: str
    location: str = ""
    count: int = 1


def finding(rule: Rule, message: str, *, location: str = "", count: int = 1) -> Finding:
    """A finding of this rule, its texts bounded."""
    return Finding(
        rule=rule.id, severity=rule.severity, message=_bounded(message), location=_bounded(location), count=count
    )


def _bounded(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then by rule and location."""
    weight = list(Severity)
    return sorted(findings, key=lambda found: (weight.index(found.severity), found.rule, found.location, found.message))


def truncated(findings: Sequence[Finding], *, per_rule: int, limit: int | None = None) -> tuple[Finding, ...]:
    """At most `per_rule` findings of one rule and `limit` in all; the last of a cut row counts what it stands for."""
    rows: list[Finding] = []
    for _, group in groupby(by_severity(findings), key=lambda found: found.rule):
        rows.extend(_cut(list(group), per_rule))
    return tuple(rows if limit is None else _cut(rows, limit))


def _cut(rows: list[Finding], most: int) -> list[Finding]:
    if len(rows) <= most:
        return rows
    kept, rest = rows[: most - 1], rows[most - 1 :]
    total = sum(found.count for found in rest)
    last = rest[0]
    message = f"{_ALREADY_TRUNCATED.sub('', last.message)} (and {total - 1} more)"
    return [
        *kept,
        Finding(rule=last.rule, severity=last.severity, message=message, location=last.location, count=total),
    ]
