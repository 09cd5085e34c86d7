"""Where settings come from, and those that several services have. Knows nothing that a single service is set by.

`truscore.settings.api` is imported by those who answer over gRPC: it needs grpc, which the command line loads late.
"""

from truscore.settings.grpc import CurrentToken, GrpcClient, GrpcTls
from truscore.settings.services import BusSettings, LogSettings, ObjectSettings, StoreSettings
from truscore.settings.sources import SECRETS_DIR, ServiceSettings

__all__ = [
    "SECRETS_DIR",
    "BusSettings",
    "CurrentToken",
    "GrpcClient",
    "GrpcTls",
    "LogSettings",
    "ObjectSettings",
    "ServiceSettings",
    "StoreSettings",
]
