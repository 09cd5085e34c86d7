"""A record of a request, and how its hash is taken."""

from dataclasses import dataclass, fields
from hashlib import sha256


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What somebody asked for. `identity` is what the broker validated, `requested_by` what the publisher says."""

    action: str
    subject: str
    identity: str
    requested_by: str
    source: str
    requested_at_ns: int  # since 1970 (UTC)
    event_id: str
    event_type: str
    log_offset: int
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditRecord:
    """A request at its place in the chain, `sequence` from 1."""

    sequence: int
    request: Request
    previous_hash: str  # empty in the first record
    hash: str


def hash_of(sequence: int, request: Request, previous_hash: str) -> str:
    """SHA-256 in hexadecimal over sequence, the request's fields in their order and the hash before, each as UTF-8
    text behind its number of bytes in decimal and a colon."""
    parts = [str(sequence), *(str(getattr(request, field.name)) for field in fields(request)), previous_hash]
    digest = sha256()
    for part in parts:
        # Surrogates can't come from a protobuf string; a record from elsewhere has to hash as well.
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(encoded) + encoded)
    return digest.hexdigest()


def chained(request: Request, last: AuditRecord | None) -> AuditRecord:
    """The request as the record after `last`, or as the first."""
    sequence, previous_hash = (last.sequence + 1, last.hash) if last else (1, "")
    return AuditRecord(
        sequence=sequence,
        request=request,
        previous_hash=previous_hash,
        hash=hash_of(sequence, request, previous_hash),
    )
