"""Prometheus metrics of verdicts."""

from prometheus_client import Counter

from services.dataset_validator.verdict_record import VerdictRecord

VERDICTS = Counter("truscore_validator_verdicts", "Orders answered, by answer.", ["answer"])
# From the start on: of a series that begins with its first event Prometheus sees no increase.
for answer in ("validated", "rejected"):
    VERDICTS.labels(answer)
FINDINGS = Counter("truscore_validator_findings", "Findings in answers, by rule and severity.", ["rule", "severity"])


def count(record: VerdictRecord) -> None:
    """Count one answer with its findings."""
    VERDICTS.labels("validated" if record.accepted else "rejected").inc()
    for found in record.findings:
        FINDINGS.labels(found.rule, found.severity.value).inc(found.count)
