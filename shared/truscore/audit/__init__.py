"""Who asked for what, as a chain of records that shows what was changed. Knows records and hashes; knows no broker."""

from truscore.audit.chain import Audit, Finding, examine
from truscore.audit.record import AuditRecord, Request, chained, hash_of

__all__ = ["Audit", "AuditRecord", "Finding", "Request", "chained", "examine", "hash_of"]
