"""Where settings come from: the environment first, then files; and those that several services have.

Knows nothing that a single service is set by.
"""

import os
from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

SECRETS_DIR = "TRUSCORE_SECRETS_DIR"


class ServiceSettings(BaseSettings):
    """Settings, each from TRUSCORE_<NAME>, the file that TRUSCORE_<NAME>_FILE names, or `truscore_<name>` in the folder
    of secrets.

    SettingsError where TRUSCORE_SECRETS_DIR names no folder, where a file can't be read, and where both TRUSCORE_<NAME>
    and TRUSCORE_<NAME>_FILE are set.
    """

    model_config = SettingsConfigDict(env_prefix="TRUSCORE_", extra="ignore")

    secrets_dir: Path | None = Field(
        None,
        description="Folder of files that hold settings, each named after one, such as truscore_s3_secret_key; the "
        "environment takes precedence, an empty file counts as not set",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The usual sources, with the folder of secrets that the environment names as the last."""
        usual = init_settings, env_settings, _NamedFiles(settings_cls), dotenv_settings
        folder = os.environ.get(SECRETS_DIR, "")
        return (*usual, _SecretFiles(settings_cls, Path(folder))) if folder else usual


class GrpcTls(ServiceSettings):
    """How gRPC is secured; what services show is also what they and the command line show as clients."""

    grpc_cert_file: Path | None = Field(
        None,
        description="PEM file of the certificate, with its chain, that gRPC is served with over TLS; without it plain. "
        "Also shown to servers that ask clients for one",
    )
    grpc_key_file: Path | None = Field(None, description="PEM file of that certificate's key")
    grpc_client_ca_file: Path | None = Field(
        None, description="PEM file of the authorities one of which must have signed the certificate of a gRPC client"
    )

    @model_validator(mode="after")
    def _certificate_and_key_belong_together(self) -> Self:
        if (self.grpc_cert_file is None) != (self.grpc_key_file is None):
            raise ValueError("accepted are both of TRUSCORE_GRPC_CERT_FILE and TRUSCORE_GRPC_KEY_FILE, or neither")
        if self.grpc_client_ca_file is not None and self.grpc_cert_file is None:
            raise ValueError("TRUSCORE_GRPC_CLIENT_CA_FILE needs TRUSCORE_GRPC_CERT_FILE and TRUSCORE_GRPC_KEY_FILE")
        return self


class BusSettings(GrpcTls):
    """Of every service: the broker, logs and traces."""

    amqp_url: SecretStr = Field(description="Address of the broker, amqp://user:password@host:port/vhost")
    log_level: str = Field("INFO", description="Least level that is logged")
    log_json: bool = Field(True, description="Whether logs are JSON lines")
    otlp_endpoint: str = Field("", description="OpenTelemetry collector (OTLP over gRPC); empty for none")


class StoreSettings(BusSettings):
    """Of services that read or write objects, too."""

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


class _NamedFiles(PydanticBaseSettingsSource):
    """Settings whose text lies in the file that TRUSCORE_<NAME>_FILE names, without the line's end."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The text, or None where no file is named or the file is empty."""
        variable = f"{self.config.get('env_prefix', '')}{field_name}".upper()
        named = os.environ.get(f"{variable}_FILE", "")
        if not named:
            return None, field_name, False
        if os.environ.get(variable):
            raise SettingsError(f"{variable} and {variable}_FILE are both set: accepted is one of them")
        try:
            text = Path(named).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
            raise SettingsError(f"{variable}_FILE is {named!r}, which can't be read: {reason}") from None
        return text or None, field_name, self.field_is_complex(field)

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            text, key, is_complex = self.get_field_value(field, name)
            if text is not None:
                found[key] = self.prepare_field_value(name, field, text, is_complex)
        return found


class _SecretFiles(SecretsSettingsSource):
    """pydantic's own only warns about a folder that is not there, and says nothing of who may not read a file."""

    def __init__(self, settings_cls: type[BaseSettings], folder: Path) -> None:
        super().__init__(settings_cls, folder)
        self._folder = folder

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """As pydantic's, and an empty file is as one that is not there."""
        value, key, is_complex = super().get_field_value(field, field_name)
        return (value or None), key, is_complex

    def __call__(self) -> dict[str, Any]:
        if not self._folder.is_dir():
            raise SettingsError(f"{SECRETS_DIR} is {str(self._folder)!r}: accepted is a folder that exists")
        try:
            return super().__call__()
        except PermissionError as error:
            raise SettingsError(
                f"{error.filename} can't be read by user {os.getuid()}: make the file readable for all (chmod 644); "
                "its folder on the host keeps others out"
            ) from error
