"""From a reading to a verdict: run every rule, rank what was found, accept or reject."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from truscore.datasets import DatasetIndex, Problem, ReadResult
from truscore.validation.catalogue import BY_ID, CATALOGUE
from truscore.validation.measures.pixels import Pixels
from truscore.validation.policy.expectations import Expectation
from truscore.validation.policy.policy import OFF, Policy
from truscore.validation.rule import Finding, Severity, finding, folded
from truscore.validation.subject import Subject

NO_NAMES = "format.yolo.no_names"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What was found in a dataset, errors first, and what follows from it. One error rejects."""

    findings: tuple[Finding, ...]
    index: DatasetIndex | None
    policy: Policy
    pixels: Mapping[str, Pixels] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def accepted(self) -> bool:
        return self.index is not None and not self.count(Severity.ERROR)

    def count(self, severity: Severity) -> int:
        """Occurrences of this severity, folded ones counted singly."""
        return sum(found.count for found in self.findings if found.severity is severity)


def judge(reading: ReadResult, *, expectation: Expectation, policy: Policy) -> Verdict:
    """The verdict on what was read; `reading.looks` holds the statistics of the images that could be decoded."""
    reading, assumed = _named(reading, expectation)
    found = [*_as_read(reading.problems), *assumed]
    if reading.index is not None:
        subject = Subject(index=reading.index, expectation=expectation, pixels=reading.measurements, policy=policy)
        said = {problem.code for problem in reading.problems}
        found.extend(_checked(subject, without=said))
    return Verdict(
        findings=folded(weighed(found, policy), per_rule=policy.findings_per_rule),
        index=reading.index,
        policy=policy,
        pixels=reading.measurements,
    )


def rejection(findings: Iterable[Finding], *, policy: Policy) -> Verdict:
    """The verdict on a dataset that was not read at all."""
    kept = folded(weighed(findings, policy), per_rule=policy.findings_per_rule)
    return Verdict(findings=kept, index=None, policy=policy)


def weighed(findings: Iterable[Finding], policy: Policy) -> list[Finding]:
    """The findings with the severities that the policy gives them, without those it turns off."""
    weights = dict(policy.severities)
    return [
        replace(found, severity=Severity(weights.get(found.rule, found.severity)))
        for found in findings
        if weights.get(found.rule) != OFF
    ]


def rule_counts(verdict: Verdict) -> dict[str, int]:
    """Occurrences by rule."""
    counts: Counter[str] = Counter()
    for found in verdict.findings:
        counts[found.rule] += found.count
    return dict(counts)


def _named(reading: ReadResult, expectation: Expectation) -> tuple[ReadResult, list[Finding]]:
    """Give nameless classes the option's names where their number fits; which id is which remains an assumption."""
    nameless = any(problem.code == NO_NAMES for problem in reading.problems)
    names, index = expectation.class_names, reading.index
    if index is None or not nameless or len(names) != len(index.class_names):
        return reading, []
    problems = tuple(problem for problem in reading.problems if problem.code != NO_NAMES)
    listed = ", ".join(f"{number} = {name}" for number, name in enumerate(names))
    message = f"no class names are given; as {expectation.category}/{expectation.option} has it, {listed} is assumed"
    return (
        replace(reading, index=replace(index, class_names=names), problems=problems),
        [finding(BY_ID["label.names_assumed"], message)],
    )


def _as_read(problems: Iterable[Problem]) -> Iterator[Finding]:
    for problem in problems:
        yield finding(BY_ID[problem.code], problem.message, location=problem.location, count=problem.count)


def _checked(subject: Subject, *, without: set[str]) -> Iterator[Finding]:
    # What the reader has said of a fault, it said with the file and line at hand: it is not said again.
    for rule in CATALOGUE:
        if rule.check is not None and rule.id not in without:
            for sighting in rule.check(subject):
                yield finding(rule, sighting.message, location=sighting.location)
