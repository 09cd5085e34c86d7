"""The monitor's audit records, one after the other."""

from collections.abc import Iterator

from truscore.api.v1 import audit_pb2, audit_pb2_grpc
from truscore.audit import AuditRecord
from truscore.bus.audit_stream import audit_record

from services.cli.context import Endpoint
from services.cli.handlers.endpoints import asking

TIMEOUT_S = 600.0  # of a whole record of years


def audit_records(
    endpoint: Endpoint,
    *,
    first_sequence: int = 0,
    subject: str = "",
    action: str = "",
    identity: str = "",
    person: str = "",
) -> Iterator[AuditRecord]:
    """Records as they are stored, oldest first. CliError where the monitor does not answer."""
    request = audit_pb2.ListAuditRecordsRequest(
        first_sequence=first_sequence, subject=subject, action=action, identity=identity, requested_by=person
    )
    with asking(endpoint) as channel:
        for answer in audit_pb2_grpc.AuditServiceStub(channel).ListAuditRecords(request, timeout=TIMEOUT_S):
            yield audit_record(answer.record)
