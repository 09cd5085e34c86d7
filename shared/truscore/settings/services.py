"""What several services are set by."""

from pydantic import Field, SecretStr

from truscore.settings.grpc import GrpcTls
from truscore.settings.sources import ServiceSettings


class LogSettings(ServiceSettings):
    """Of every process that logs."""

    log_level: str = Field("INFO", description="Least level that is logged")
    log_json: bool = Field(True, description="Whether logs are JSON lines")


class BusSettings(GrpcTls, LogSettings):
    """Of every service: the broker, logs and traces."""

    amqp_url: SecretStr = Field(description="Address of the broker, amqp://user:password@host:port/vhost")
    otlp_endpoint: str = Field("", description="OpenTelemetry collector (OTLP over gRPC); empty for none")


class ObjectSettings(ServiceSettings):
    """Of processes that read or write objects."""

    s3_endpoint: str = Field(description="Address of the object store, http://host:port or https://host")
    s3_access_key: SecretStr = Field(description="Access key of the object store")
    s3_secret_key: SecretStr = Field(description="Secret key of the object store")
    bucket: str = Field("truscore", description="Bucket for what the services write")
    accepted_buckets: tuple[str, ...] = Field(
        (),
        description="Buckets beside TRUSCORE_BUCKET that events may name objects in, as a JSON list; empty for every "
        "bucket that the key opens",
    )

    @property
    def buckets(self) -> frozenset[str]:
        """All buckets that addresses may be in; empty for any."""
        return frozenset((self.bucket, *self.accepted_buckets)) if self.accepted_buckets else frozenset()


class StoreSettings(BusSettings, ObjectSettings):
    """Of services that read or write objects, too."""
