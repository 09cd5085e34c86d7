"""What the reading process is asked and what it answers."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from truscore.validation import Finding, Policy, Severity

JOB, OUTCOME, REPORT, PAGE, INDEX = "job.json", "outcome.json", "report.json", "report.html", "index.json"
# A line for each image as its decoding begins, "+path", and ends, "-path".
SEEN = "seen.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One dataset to read, within bounds."""

    folder: str
    format: str
    category: str
    option: str
    class_names: tuple[str, ...]
    policy: Policy
    memory_bytes: int
    workers: int
    remembered: str = ""  # file that remembers what images measured; empty for none
    results_bytes: int = 512 * 2**20
    key_id: str = ""  # of the key that will seal the report; empty for none
    about: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of it; the report and the index lie beside it as files."""

    findings: tuple[Finding, ...] = ()
    error_count: int = 0
    warning_count: int = 0
    dataset_digest: str = ""
    format: str = ""
    image_count: int = 0
    annotation_count: int = 0
    class_names: tuple[str, ...] = ()
    out_of_memory: bool = False


def job_to_json(job: Job) -> str:
    return json.dumps({**_fields(job), "about": dict(job.about)})


def job_from_json(text: str) -> Job:
    plain = json.loads(text)
    return Job(**{**plain, "policy": _policy(plain["policy"]), "class_names": tuple(plain["class_names"])})


def _policy(plain: dict[str, Any]) -> Policy:
    return Policy(**{**plain, "severities": tuple((rule, weight) for rule, weight in plain["severities"])})


def outcome_to_json(outcome: Outcome) -> str:
    return json.dumps(asdict(outcome))


def outcome_from_json(text: str) -> Outcome:
    plain = json.loads(text)
    findings = tuple(Finding(**{**row, "severity": Severity(row["severity"])}) for row in plain["findings"])
    return Outcome(**{**plain, "findings": findings, "class_names": tuple(plain["class_names"])})


def _fields(job: Job) -> dict[str, Any]:
    return {name: asdict(job.policy) if name == "policy" else getattr(job, name) for name in Job.__slots__}
