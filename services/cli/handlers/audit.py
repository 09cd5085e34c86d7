"""The monitor's audit records, one after the other."""

from collections.abc import Iterator

import grpc
from truscore.api.v1 import audit_pb2, audit_pb2_grpc
from truscore.audit import AuditRecord
from truscore.bus.audit_stream import audit_record
from truscore.telemetry.grpc_tls import open_channel

from services.cli.context import CliError, Code

TIMEOUT_S = 600.0  # of a whole record of years


def audit_records(
    address: str, *, first_sequence: int = 0, subject: str = "", action: str = "", identity: str = "", person: str = ""
) -> Iterator[AuditRecord]:
    """Records as they are stored, oldest first. CliError where the monitor does not answer."""
    request = audit_pb2.ListAuditRecordsRequest(
        first_sequence=first_sequence, subject=subject, action=action, identity=identity, requested_by=person
    )
    with open_channel(address) as channel:
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        try:
            for answer in stub.ListAuditRecords(request, timeout=TIMEOUT_S):
                yield audit_record(answer.record)
        except grpc.RpcError as error:
            details = f"the monitor at {address} does not list the audit record: {error.details()}"
            raise CliError(Code.UNREACHABLE, details) from error
