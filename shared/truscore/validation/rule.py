"""What a rule is and what it says when it finds something."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from truscore.validation.rule_context import RuleContext

TEXT_LIMIT = 500
_KEPT_AT_LEAST = 64  # so that few findings are not sorted again and again
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


#: What the first part of a rule's id says of its family, in tables of rules.
_FAMILY_OF_PREFIX = {
    "format": Family.FORMAT,
    "label": Family.LABELS,
    "balance": Family.BALANCE,
    "quality": Family.QUALITY,
    "coverage": Family.COVERAGE,
}


def rules_of(rows: Iterable[tuple[str, Severity, Check, str, str, str]]) -> tuple[Rule, ...]:
    """The rules of a table: id, severity, check, what it finds, why it matters, how to mend it."""
    return tuple(
        Rule(
            id=name,
            family=_FAMILY_OF_PREFIX[name.partition(".")[0]],
            severity=severity,
            finds=finds,
            why=why,
            mend=mend,
            check=check,
        )
        for name, severity, check, finds, why, mend in rows
    )


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


class FindingCollector:
    """Findings of each rule: how many, and the first of them by location. So a million take no more than a few do."""

    def __init__(self, *, per_rule: int) -> None:
        self._per_rule = per_rule
        self._rows: dict[str, list[Finding]] = defaultdict(list)
        self._beyond: Counter[str] = Counter()

    def add(self, found: Finding) -> None:
        rows = self._rows[found.rule]
        rows.append(found)
        if len(rows) >= 4 * self._per_rule + _KEPT_AT_LEAST:
            self._cut(found.rule)

    def findings(self) -> tuple[Finding, ...]:
        """As `truncated` gives them."""
        for rule in self._rows:
            self._cut(rule)
        rows: list[Finding] = []
        for rule, group in self._rows.items():
            beyond = self._beyond[rule]
            rows.extend(_cut(group, self._per_rule, beyond=beyond) if beyond else group)
        return tuple(by_severity(rows))

    def _cut(self, rule: str) -> None:
        ordered = by_severity(self._rows[rule])
        self._rows[rule] = ordered[: self._per_rule]
        self._beyond[rule] += sum(found.count for found in ordered[self._per_rule :])


def truncated(findings: Sequence[Finding], *, per_rule: int, limit: int | None = None) -> tuple[Finding, ...]:
    """At most `per_rule` findings of one rule and `limit` in all; the last of a cut row counts what it stands for."""
    rows: list[Finding] = []
    for _, group in groupby(by_severity(findings), key=lambda found: found.rule):
        rows.extend(_cut(list(group), per_rule))
    return tuple(rows if limit is None else _cut(rows, limit))


def _cut(rows: list[Finding], most: int, *, beyond: int = 0) -> list[Finding]:
    """`beyond` counts what comes after the rows and is not among them."""
    if len(rows) <= most and not beyond:
        return rows
    kept, rest = rows[: most - 1], rows[most - 1 :]
    total = sum(found.count for found in rest) + beyond
    last = rest[0]
    message = f"{_ALREADY_TRUNCATED.sub('', last.message)} (and {total - 1} more)"
    return [
        *kept,
        Finding(rule=last.rule, severity=last.severity, message=message, location=last.location, count=total),
    ]
