"""A verdict as it is stored and published: what was found, and where index and report lie."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter
from truscore.storage import Stored
from truscore.validation import CATALOGUE_DIGEST, DatasetOrder, Finding, Policy, Severity, expectation_of

SCHEMA = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictRecord:
    """The answer to an order about one unchanging content."""

    key: str
    findings: tuple[Finding, ...]
    error_count: int
    warning_count: int
    report: Stored | None = None
    index: Stored | None = None
    page: Stored | None = None
    key_id: str = ""  # of the key that signed the report; empty for none
    signature: str = ""
    content_digest: str = ""  # of the files; empty where nothing was read
    dataset_digest: str = ""  # of the index
    format: str = ""
    image_count: int = 0
    annotation_count: int = 0
    class_names: tuple[str, ...] = field(default=())
    duration_s: float = 0.0  # that reaching the verdict took

    @property
    def accepted(self) -> bool:
        return self.index is not None and self.error_count == 0


_RECORD = TypeAdapter(VerdictRecord)


def verdict_key(order: DatasetOrder, *, listing_digest: str, policy: Policy, bounds: str = "", key_id: str = "") -> str:
    """Equal for equal content validated by equal rules within equal bounds; hexadecimal."""
    parts = {
        "listing": listing_digest,
        "uri": order.uri,
        "format": order.format,
        "category": order.category,
        "option": order.option,
        "class_names": list(order.class_names),
        "policy": policy.digest,
        "bounds": bounds,
        "key": key_id,
        "rules": CATALOGUE_DIGEST,
        "schema": SCHEMA,
    }
    # Only where it asks for something else than its option does: other architectures share their verdicts.
    wanted = expectation_of(order.category, order.option, order.expected_architecture)
    if wanted != expectation_of(order.category, order.option):
        parts["learns_from"] = list(wanted.learns_from)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def refused_record(findings: Sequence[Finding], *, key: str, content_digest: str = "") -> VerdictRecord:
    """The answer to an order of which nothing was read, or nothing more than its files."""
    errors = sum(found.count for found in findings if found.severity is Severity.ERROR)
    warnings = sum(found.count for found in findings if found.severity is Severity.WARNING)
    return VerdictRecord(
        key=key,
        findings=tuple(findings),
        error_count=errors,
        warning_count=warnings,
        content_digest=content_digest,
    )


def record_to_json(record: VerdictRecord) -> str:
    """As it is stored."""
    return json.dumps({"schema": SCHEMA, **asdict(record)}, sort_keys=True, ensure_ascii=False, indent=1)


def record_from_json(text: str | bytes) -> VerdictRecord | None:
    """The stored record; None where it is of another schema, so that the content is validated again."""
    try:
        data: dict[str, Any] = json.loads(text)
        if data.pop("schema") != SCHEMA:
            return None
        return _RECORD.validate_python(data)
    except (ValueError, KeyError, TypeError):
        return None
