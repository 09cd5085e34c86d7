"""What the reading process is given and what it returns, each as one JSON file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter
from truscore.validation import Finding, Policy

JOB, OUTCOME, REPORT, PAGE, INDEX = "job.json", "outcome.json", "report.json", "report.html", "index.json"


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
    cache_file: str = ""  # file of cached image statistics; empty for none
    scan_cache_bytes: int = 512 * 2**20
    key_id: str = ""  # of the key that will sign the report; empty for none
    architecture: str = ""  # the ordered one; empty for the option's default
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderResult:
    """The result; the report and the index lie beside it as files."""

    findings: tuple[Finding, ...] = ()
    error_count: int = 0
    warning_count: int = 0
    dataset_digest: str = ""
    format: str = ""
    image_count: int = 0
    annotation_count: int = 0
    class_names: tuple[str, ...] = ()
    out_of_memory: bool = False


_JOB, _RESULT = TypeAdapter(Job), TypeAdapter(ReaderResult)


def job_to_json(job: Job) -> str:
    return _JOB.dump_json(job).decode()


def job_from_json(text: str) -> Job:
    """Raises ValueError where the text is no job."""
    return _JOB.validate_json(text)


def result_to_json(result: ReaderResult) -> str:
    return _RESULT.dump_json(result).decode()


def result_from_json(text: str) -> ReaderResult:
    """Raises ValueError where the text is no outcome."""
    return _RESULT.validate_json(text)
