"""From a reading to a verdict: run every rule, rank what was found, accept or reject."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from truscore.datasets import DatasetIndex, Problem, ReadResult
from truscore.datasets.index.stored_images import StoredMeasurements
from truscore.validation.catalogue import BY_ID, CATALOGUE
from truscore.validation.measures.image_stats import ImageStats
from truscore.validation.measures.view_shifts import ViewShift
from truscore.validation.policy.expectations import Expectation
from truscore.validation.policy.policy import OFF, Policy
from truscore.validation.rule import Finding, FindingCollector, Rule, Severity, finding, truncated
from truscore.validation.rule_context import RuleContext
from truscore.validation.scopes import SCOPES

NO_NAMES = "format.yolo.no_names"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What was found in a dataset, errors first, and what follows from it. One error rejects."""

    findings: tuple[Finding, ...]
    index: DatasetIndex | None
    policy: Policy
    image_stats: Mapping[str, ImageStats] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def accepted(self) -> bool:
        return self.index is not None and not self.count(Severity.ERROR)

    def count(self, severity: Severity) -> int:
        """Occurrences of this severity, truncated ones counted singly."""
        return sum(found.count for found in self.findings if found.severity is severity)


def validate_dataset(
    read_result: ReadResult,
    *,
    expectation: Expectation,
    policy: Policy,
    view_shifts: Mapping[str, ViewShift] = MappingProxyType({}),
) -> Verdict:
    """The verdict on what was read; `read_result.measurements` holds the statistics of the images that could be
    decoded, `view_shifts` how views under many lights lie against each other."""
    read_result, assumed = _with_expected_names(read_result, expectation)
    collector = FindingCollector(per_rule=policy.findings_per_rule)
    for one in with_policy_severities([*_reader_findings(read_result.problems), *assumed], policy):
        collector.add(one)
    if read_result.index is not None:
        context = RuleContext(
            index=read_result.index,
            expectation=expectation,
            image_stats=read_result.measurements,
            policy=policy,
            view_shifts=view_shifts,
        )
        reported = {problem.code for problem in read_result.problems}
        for one in with_policy_severities(_rule_findings(context, without=reported), policy):
            collector.add(one)
    return Verdict(
        findings=collector.findings(),
        index=read_result.index,
        policy=policy,
        image_stats=read_result.measurements,
    )


def rejected(findings: Iterable[Finding], *, policy: Policy) -> Verdict:
    """The verdict on a dataset that was not read at all."""
    kept = truncated(list(with_policy_severities(findings, policy)), per_rule=policy.findings_per_rule)
    return Verdict(findings=kept, index=None, policy=policy)


def with_policy_severities(findings: Iterable[Finding], policy: Policy) -> Iterator[Finding]:
    """The findings with the severities that the policy gives them, without those it turns off."""
    weights = dict(policy.severities)
    return (
        replace(found, severity=Severity(weights[found.rule])) if found.rule in weights else found
        for found in findings
        if weights.get(found.rule) != OFF
    )


def rule_counts(verdict: Verdict) -> dict[str, int]:
    """Occurrences by rule."""
    counts: Counter[str] = Counter()
    for found in verdict.findings:
        counts[found.rule] += found.count
    return dict(counts)


def _with_expected_names(read_result: ReadResult, expectation: Expectation) -> tuple[ReadResult, list[Finding]]:
    """Give nameless classes the option's names where their number fits; which id is which remains an assumption."""
    nameless = any(problem.code == NO_NAMES for problem in read_result.problems)
    names, index = expectation.class_names, read_result.index
    if index is None or not nameless or not names or len(names) != len(index.class_names):
        return read_result, []
    problems = tuple(problem for problem in read_result.problems if problem.code != NO_NAMES)
    listed = ", ".join(f"{number} = {name}" for number, name in enumerate(names))
    message = f"no class names are given; as {expectation.category}/{expectation.option} has it, {listed} is assumed"
    return (
        replace(read_result, index=replace(index, class_names=names), problems=problems),
        [finding(BY_ID["label.names_assumed"], message)],
    )


def _reader_findings(problems: Iterable[Problem]) -> Iterator[Finding]:
    for problem in problems:
        yield finding(BY_ID[problem.code], problem.message, location=problem.location, count=problem.count)


def _rule_findings(context: RuleContext, *, without: set[str]) -> Iterator[Finding]:
    # The reader reports a fault with its file and line: a rule does not report it again.
    rules = [rule for rule in CATALOGUE if rule.check is not None and rule.id not in without]
    if isinstance(context.image_stats, StoredMeasurements) and not context.index.objects:
        # Half of the rules look at one image only: they share each reading of the file.
        alone = [rule for rule in rules if rule.id in SCOPES]
        rules = [rule for rule in rules if rule.id not in SCOPES]
        for images, stats in context.image_stats.blocks():
            some = dict(zip((image.path for image in images), stats, strict=True))
            block = replace(context, index=replace(context.index, images=images), image_stats=some)
            yield from _checked(alone, block)
    yield from _checked(rules, context)


def _checked(rules: Iterable[Rule], context: RuleContext) -> Iterator[Finding]:
    for rule in rules:
        for occurrence in rule.check(context) if rule.check is not None else ():
            yield finding(rule, occurrence.message, location=occurrence.location)
