"""The verdict as JSON: what was found, by which rules and thresholds, and what the dataset is made of.

Its shape is published as `docs/dataset-report.schema.json`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from truscore.validation.catalogue import BY_ID, CATALOGUE, CATALOGUE_DIGEST
from truscore.validation.report.statistics import statistics_of
from truscore.validation.rule import Family, Finding, Severity, truncated
from truscore.validation.verdict import Verdict, rule_counts

SCHEMA = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportSignature:
    """How the report is signed: the key that signs its digest, "" for none."""

    key_id: str = ""

    @property
    def algorithm(self) -> str:
        return "ed25519" if self.key_id else "none"


def report_to_json(verdict: Verdict, *, about: Mapping[str, Any], signature: ReportSignature | None = None) -> str:
    """The report; `about` says which dataset and order it is about. Equal verdicts give equal text."""
    data = _to_dict(verdict, about, signature or ReportSignature())
    return json.dumps(data, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False)


def _to_dict(verdict: Verdict, about: Mapping[str, Any], signature: ReportSignature) -> dict[str, Any]:
    counts = rule_counts(verdict)
    return {
        "schema": SCHEMA,
        "about": dict(about),
        "accepted": verdict.accepted,
        "counts": {severity.value: verdict.count(severity) for severity in Severity},
        "families": _by_family(verdict.findings),
        "findings": [asdict(found) for found in verdict.findings],
        "rules": {rule: _explained(rule, count) for rule, count in counts.items()},
        "rules_checked": len(CATALOGUE),
        "rules_digest": CATALOGUE_DIGEST,
        "statistics": statistics_of(verdict.index, verdict.image_stats) if verdict.index else None,
        "policy": asdict(verdict.policy),
        "policy_digest": verdict.policy.digest,
        "seal": {"algorithm": signature.algorithm, "key_id": signature.key_id},
    }


def _by_family(findings: Iterable[Finding]) -> dict[str, dict[str, int]]:
    families = {family.value: dict.fromkeys([severity.value for severity in Severity], 0) for family in Family}
    for found in findings:
        families[BY_ID[found.rule].family.value][found.severity.value] += found.count
    return families


def _explained(rule: str, count: int) -> dict[str, Any]:
    row = BY_ID[rule]
    return {"count": count, "family": row.family.value, "finds": row.finds, "why": row.why, "mend": row.mend}


def findings_for_event(findings: Iterable[Finding], *, per_rule: int = 5, limit: int = 100) -> tuple[Finding, ...]:
    """What an event can carry: errors first, no rule crowding out another."""
    return truncated(list(findings), per_rule=per_rule, limit=limit)
