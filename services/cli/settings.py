"""What the environment may set, and the file of the local stack that stands in for it."""

from pathlib import Path

from pydantic import Field, SecretStr
from truscore.settings import ServiceSettings

STACK_FILE = Path(".local/stack.env")


class Settings(ServiceSettings):
    """Where the system answers, each from TRUSCORE_<NAME>; what is not set is asked for only by what needs it."""

    amqp_url: SecretStr = Field(
        SecretStr(""), description="Address of the broker, amqp://user:password@host:port/vhost"
    )
    s3_endpoint: str = Field("", description="Address of the object store, http://host:port or https://host")
    s3_access_key: SecretStr = Field(SecretStr(""), description="Access key of the object store")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="Secret key of the object store")
    bucket: str = Field("truscore", description="Bucket for what the services write")
    monitor_address: str = Field("", description="Address of the monitor's gRPC service, host:port")
    tracker_address: str = Field("", description="Address of the experiment tracker's gRPC service, host:port")
    validator_address: str = Field("", description="Address of the validator's gRPC health service, host:port")
    trainer_address: str = Field("", description="Address of the trainer's gRPC health service, host:port")
    exporter_address: str = Field("", description="Address of the exporter's gRPC health service, host:port")
    mlflow_url: str = Field("", description="Address of the MLflow server")
    model_trusted_keys: tuple[str, ...] = Field(
        (),
        description="Ed25519 public keys of exporters as a JSON list, 64 hexadecimal digits each; with any, only "
        "models are fetched and run whose release one of them signed",
    )


def stack_file(start: Path) -> Path | None:
    """The addresses of a local stack that runs in this folder or one above it."""
    return next((found for folder in (start, *start.parents) if (found := folder / STACK_FILE).is_file()), None)


def read_settings(start: Path) -> tuple[Settings, str]:
    """Settings of the environment before those of the stack's file, and words for where they are from."""
    found = stack_file(start.resolve())
    where = f"the environment and {found}" if found else f"the environment (no {STACK_FILE} in {start} or above)"
    return Settings(_env_file=found), where
