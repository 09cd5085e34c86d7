"""Whether a chain of records is whole: findings name the record that was changed, is missing or is out of place."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from truscore.audit.record import AuditRecord, hash_of

MOST_FINDINGS: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What is wrong at a place: "changed", "missing", "misplaced", "unlinked" or "head"."""

    kind: str
    sequence: int
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What came of looking at a chain: how many records, the last of them, and the first findings."""

    count: int
    last: AuditRecord | None
    findings: tuple[Finding, ...]


def examine(records: Iterable[AuditRecord], *, head: tuple[int, str] | None = None) -> Audit:
    """Look at each record once, in the order in which they are stored.

    `head` is the sequence and hash of a record that was noted down before: only who kept one can tell that the newest
    records were cut off, or that the whole chain was written anew. Exact repeats are passed over: two monitors that
    write the same chain, or one that was interrupted, store a record twice.
    """
    findings: list[Finding] = []
    seen: dict[int, str] = {}
    last: AuditRecord | None = None
    for record in records:
        if seen.get(record.sequence) == record.hash and _is_intact(record):
            continue
        findings += _findings_at(record, last, seen)
        seen[record.sequence] = record.hash
        last = record if last is None or record.sequence > last.sequence else last
    findings += _gaps(seen)
    if head is not None and seen.get(head[0]) != head[1]:
        found = seen.get(head[0])
        what = f"has the hash {found}" if found else f"is not there, the last is {last.sequence if last else 0}"
        findings.append(
            Finding(kind="head", sequence=head[0], message=f"record {head[0]} {what}; expected the hash {head[1]}")
        )
    return Audit(count=len(seen), last=last, findings=tuple(findings[:MOST_FINDINGS]))


def _findings_at(record: AuditRecord, last: AuditRecord | None, seen: dict[int, str]) -> list[Finding]:
    at = record.sequence
    found: list[Finding] = []
    if not _is_intact(record):
        text = f"record {at} was changed: its content does not have the hash {record.hash} that it carries"
        found.append(Finding(kind="changed", sequence=at, message=text))
    if last is not None and at <= last.sequence:
        text = f"record {at} is stored after record {last.sequence}" + (
            f", and there is another record {at}" if at in seen else ""
        )
        found.append(Finding(kind="misplaced", sequence=at, message=text))
    before = seen.get(at - 1, "" if at == 1 else None)
    if before is not None and record.previous_hash != before:
        text = (
            f"record {at} does not follow record {at - 1} as that is now: it names the hash "
            f"{record.previous_hash or 'of none'}, that has {before or 'none'}"
        )
        found.append(Finding(kind="unlinked", sequence=at, message=text))
    return found


def _is_intact(record: AuditRecord) -> bool:
    return record.hash == hash_of(record.sequence, record.request, record.previous_hash)


def _gaps(seen: dict[int, str]) -> list[Finding]:
    gaps, expected = [], 1
    for sequence in sorted(seen):
        if sequence > expected:
            which = f"record {expected} is" if sequence == expected + 1 else f"records {expected} to {sequence - 1} are"
            gaps.append(Finding(kind="missing", sequence=expected, message=f"{which} missing"))
        expected = sequence + 1
    return gaps
