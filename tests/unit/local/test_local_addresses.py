"""What the stack writes down can be read again, by us, by a shell and by honcho."""

import subprocess
from pathlib import Path

import pytest
from honcho.environ import parse
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.addresses import PREFIXES, UNMISTAKABLE, doors, from_env_file, ports_needed, to_env_file, variables
from deploy.local.servers.objects import ObjectServer
from deploy.local.services import PROCFILE, commands

KNOWN = variables(
    amqp_url="amqp://truscore:0a1b@127.0.0.1:20001/%2F",
    management_url="http://127.0.0.1:20002",
    objects=ObjectServer(endpoint="http://127.0.0.1:20003", access_key="key", secret_key="secret"),
    bucket="truscore",
    mlflow_url="http://127.0.0.1:20004",
    service_doors=doors(list(PREFIXES), list(range(20010, 20010 + ports_needed(list(PREFIXES))))),
    workdir=Path("/srv/truscore/work"),
)


def test_clients_find_every_address_they_need() -> None:
    assert KNOWN["TRUSCORE_AMQP_URL"] == "amqp://truscore:0a1b@127.0.0.1:20001/%2F"
    assert KNOWN["TRUSCORE_MONITOR_ADDRESS"] == "127.0.0.1:20014"
    assert KNOWN["TRUSCORE_TRACKER_ADDRESS"] == "127.0.0.1:20016"
    assert {"TRUSCORE_S3_ENDPOINT", "TRUSCORE_S3_ACCESS_KEY", "TRUSCORE_S3_SECRET_KEY", "TRUSCORE_BUCKET"} <= set(KNOWN)


def test_a_shell_and_honcho_read_the_file_alike(tmp_path: Path) -> None:
    path = tmp_path / "stack.env"
    path.write_text(to_env_file(KNOWN))
    shell = subprocess.run(
        ["sh", "-c", f"set -a; . {path}; env"], capture_output=True, text=True, check=True, timeout=10, env={}
    )
    assert set(KNOWN.items()) <= {tuple(line.split("=", 1)) for line in shell.stdout.splitlines()}
    assert parse(path.read_text()) == KNOWN == from_env_file(path.read_text())


@given(st.from_regex(UNMISTAKABLE, fullmatch=True))
def test_an_unmistakable_value_comes_back_as_it_was(value: str) -> None:
    text = to_env_file({"NAME": value})
    assert from_env_file(text) == parse(text) == {"NAME": value}


@pytest.mark.parametrize("value", ["two words", "line\nline", "it's", '"', "$HOME", "a#b", "back\\slash", "\x1e", "é"])
def test_a_value_that_readers_take_differently_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="NAME is"):
        to_env_file({"NAME": value})


def test_every_service_of_the_procfile_has_settings() -> None:
    assert set(commands(PROCFILE)) == set(PREFIXES)


def test_a_service_without_settings_is_named() -> None:
    with pytest.raises(ValueError, match="the Procfile names stranger: known are dataset-validator"):
        doors(["monitor", "stranger"], [1, 2, 3, 4])
