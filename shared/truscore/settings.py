"""Where settings come from: the environment first, then files of secrets; and those that several services have.

Knows nothing that a single service is set by.
"""

import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
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
    """Settings, each from TRUSCORE_<NAME>, or from the file `truscore_<name>` in the folder of secrets.

    SettingsError where TRUSCORE_SECRETS_DIR names no folder, or where a file in it can't be read.
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
        usual = init_settings, env_settings, dotenv_settings
        folder = os.environ.get(SECRETS_DIR, "")
        return (*usual, _SecretFiles(settings_cls, Path(folder))) if folder else usual


class BusSettings(ServiceSettings):
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
