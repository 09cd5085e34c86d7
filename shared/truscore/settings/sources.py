"""Where settings come from: the environment first, then files."""

import os
from pathlib import Path
from typing import Any

from pydantic import Field
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
