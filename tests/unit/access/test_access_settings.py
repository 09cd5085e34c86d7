"""Settings of a service as the access that they give."""

from pathlib import Path

import pytest
from truscore.access import Caller, Role, token_line
from truscore.settings import CurrentToken
from truscore.settings.api import ApiSettings, access_of

REQUIRED = {"amqp_url": "amqp://broker/"}
ISSUER = {"grpc_oidc_issuer": "https://id.example/realms/cards", "grpc_oidc_audience": "truscore"}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRUSCORE_GRPC_TOKENS", "TRUSCORE_GRPC_TOKENS_FILE", "TRUSCORE_GRPC_TOKEN", "TRUSCORE_SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)


def settings(**given: object) -> ApiSettings:
    return ApiSettings.model_validate(REQUIRED | given)


def test_with_nothing_set_nobody_is_let_in() -> None:
    access = access_of(settings())
    assert not access.tokens
    assert (access.issuer, access.anonymous, access.plaintext) == (None, None, False)


@pytest.mark.parametrize("where", ["variable", "file", "folder"])
def test_tokens_come_from_a_variable_a_file_or_the_folder_of_secrets(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = token_line("ada", Role.READER, "of ada")
    (tmp_path / "truscore_grpc_tokens").write_text(f"{line}\n")
    given = {
        "variable": ("TRUSCORE_GRPC_TOKENS", line),
        "file": ("TRUSCORE_GRPC_TOKENS_FILE", str(tmp_path / "truscore_grpc_tokens")),
        "folder": ("TRUSCORE_SECRETS_DIR", str(tmp_path)),
    }
    monkeypatch.setenv(*given[where])
    tokens = access_of(settings()).tokens
    assert tokens is not None
    assert tokens.find("of ada") == Caller(name="ada", role=Role.READER)


def test_a_provider_is_taken_with_the_roles_that_are_named() -> None:
    access = access_of(settings(**ISSUER, grpc_oidc_roles={"card-operators": "operator"}, grpc_anonymous_role="reader"))
    assert access.issuer is not None
    assert access.anonymous is Role.READER


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"grpc_anonymous_role": "root"}, "role 'root'; accepted: reader, operator, admin"),
        (ISSUER | {"grpc_oidc_roles": {"staff": "emperor"}}, "role 'emperor'"),
        ({"grpc_oidc_issuer": "https://id.example"}, "TRUSCORE_GRPC_OIDC_ISSUER needs TRUSCORE_GRPC_OIDC_AUDIENCE"),
        (ISSUER | {"grpc_oidc_issuer": "http://id.example"}, "is no https:// address"),
        (ISSUER | {"grpc_oidc_jwks_url": "http://id.example/keys"}, "is no https:// address"),
    ],
)
def test_settings_that_would_let_in_the_wrong_ones_are_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        settings(**given)


def test_a_clients_token_is_that_of_the_moment_and_the_last_one_where_its_file_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, token = tmp_path / "token", CurrentToken()
    assert token() == ""
    file.write_text("first\n")
    monkeypatch.setenv("TRUSCORE_GRPC_TOKEN_FILE", str(file))
    assert token() == "first"
    file.write_text("second")
    assert token() == "second"
    file.unlink()
    assert token() == "second"
