"""What the environment says to every gRPC client: whom to trust, and what to show who asks."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class GrpcClientSettings(BaseSettings):
    """Read when a channel is opened. The certificate is the one that a service of this environment serves with."""

    model_config = SettingsConfigDict(env_prefix="TRUSCORE_", extra="ignore", env_ignore_empty=True)

    authorities: Path | None = Field(None, validation_alias="SSL_CERT_FILE", description="As OpenSSL reads it")
    grpc_cert_file: Path | None = Field(None, description="PEM file of the certificate with its chain")
    grpc_key_file: Path | None = Field(None, description="PEM file of that certificate's key")
