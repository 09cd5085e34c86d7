"""Settings come from the environment, and what is secret from files beside it."""

from pathlib import Path

import pytest
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsError
from truscore.settings import ServiceSettings


class Needs(ServiceSettings):
    secret_key: SecretStr = Field()
    signing_key: SecretStr | None = Field(None)


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("TRUSCORE_SECRET_KEY", "TRUSCORE_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRUSCORE_SECRETS_DIR", str(tmp_path))
    return tmp_path


def test_a_setting_is_read_from_the_file_of_its_name(secrets: Path) -> None:
    (secrets / "truscore_secret_key").write_text("p@ss/wo:rd%#?$\n")
    assert Needs().secret_key.get_secret_value() == "p@ss/wo:rd%#?$"  # type: ignore[call-arg]


def test_the_environment_takes_precedence_over_the_file(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets / "truscore_secret_key").write_text("of the file")
    monkeypatch.setenv("TRUSCORE_SECRET_KEY", "of the environment")
    assert Needs().secret_key.get_secret_value() == "of the environment"  # type: ignore[call-arg]


def test_an_empty_file_counts_as_not_set(secrets: Path) -> None:
    (secrets / "truscore_secret_key").write_text("key")
    (secrets / "truscore_signing_key").write_text("")
    assert Needs().signing_key is None  # type: ignore[call-arg]
    (secrets / "truscore_secret_key").write_text("")
    with pytest.raises(ValidationError, match="secret_key"):
        Needs()  # type: ignore[call-arg]


def test_a_folder_of_secrets_that_is_not_there_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUSCORE_SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match=r"TRUSCORE_SECRETS_DIR is .*nowhere"):
        Needs()  # type: ignore[call-arg]


def test_without_a_folder_of_secrets_only_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRUSCORE_SECRETS_DIR", raising=False)
    monkeypatch.setenv("TRUSCORE_SECRET_KEY", "of the environment")
    assert Needs().secret_key.get_secret_value() == "of the environment"  # type: ignore[call-arg]


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("TRUSCORE_SECRET_KEY", "TRUSCORE_SECRETS_DIR", "TRUSCORE_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRUSCORE_SECRET_KEY_FILE", str(tmp_path / "key"))
    return tmp_path / "key"


def test_a_setting_is_read_from_the_file_that_its_variable_names(named: Path) -> None:
    named.write_text("p@ss/wo:rd%#?$ \n")
    assert Needs().secret_key.get_secret_value() == "p@ss/wo:rd%#?$ "  # type: ignore[call-arg]


def test_a_setting_and_a_file_for_it_are_not_accepted_together_and_neither_is_shown(
    named: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named.write_text("of the file")
    monkeypatch.setenv("TRUSCORE_SECRET_KEY", "of the environment")
    with pytest.raises(SettingsError, match="TRUSCORE_SECRET_KEY and TRUSCORE_SECRET_KEY_FILE are both set") as refused:
        Needs()  # type: ignore[call-arg]
    assert "of the file" not in str(refused.value)
    assert "of the environment" not in str(refused.value)


def test_a_named_file_that_is_not_there_is_refused_by_name(named: Path) -> None:
    with pytest.raises(SettingsError, match=r"TRUSCORE_SECRET_KEY_FILE is .*key.*No such file"):
        Needs()  # type: ignore[call-arg]
