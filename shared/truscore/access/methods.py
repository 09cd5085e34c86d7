"""Which role each gRPC method needs at least: one table, which a test holds to what is served.

A method that is in neither collection is refused to everybody.
"""

from collections.abc import Mapping
from typing import Final

from truscore.access.caller import Role

# Asked by probes of Kubernetes and of containers, which have no token; what they learn is whether it serves.
OPEN_METHODS: Final = frozenset(f"/grpc.health.v1.Health/{name}" for name in ("Check", "List", "Watch"))

LEAST_ROLES: Final[Mapping[str, Role]] = {
    "/truscore.api.v1.MonitorService/ListRuns": Role.READER,
    "/truscore.api.v1.MonitorService/GetRun": Role.READER,
    "/truscore.api.v1.MonitorService/GetCurves": Role.READER,
    "/truscore.api.v1.MonitorService/GetHardware": Role.READER,
    "/truscore.api.v1.MonitorService/GetEvaluation": Role.READER,
    "/truscore.api.v1.MonitorService/WatchRun": Role.READER,
    "/truscore.api.v1.MonitorService/ListAlerts": Role.READER,
    "/truscore.api.v1.MonitorService/AcknowledgeAlert": Role.OPERATOR,
    # Names of people are in it, and what they asked for word for word.
    "/truscore.api.v1.AuditService/ListAuditRecords": Role.ADMIN,
    "/truscore.api.v1.ExperimentsService/ListExperiments": Role.READER,
    "/truscore.api.v1.ExperimentsService/GetExperiment": Role.READER,
    "/truscore.api.v1.ExperimentsService/CompareExperiments": Role.READER,
    "/truscore.api.v1.SearchesService/ListSearches": Role.READER,
    "/truscore.api.v1.SearchesService/GetSearch": Role.READER,
    # The contract is public; which of it a server has is for those who may read from it.
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Role.READER,
}


def short_name(method: str) -> str:
    """As messages for people have it: MonitorService/ListRuns."""
    service, _, name = method.rpartition("/")
    return f"{service.rpartition('.')[2]}/{name}"
