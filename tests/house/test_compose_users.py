"""Containers with users of their own: the override and what it logs in with are held to the tables of rights."""

import hashlib
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
import yaml
from truscore.bus.permissions import permissions
from yarl import URL

from deploy.docker.service_users import AMQP, COMPOSE, LOGINS, OVERRIDE, S3_KEY, S3_USER, override_text, write
from deploy.s3.policies import TABLE, policy
from tests.house.compose_file import OURS, REPOSITORY, SERVICES

ADMIN, ADMIN_PASSWORD = "admin", "of the administrator"
USERS: dict[str, Any] = yaml.safe_load((REPOSITORY / OVERRIDE).read_text())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that stands for secrets/users."""
    folder = tmp_path_factory.mktemp("users")
    write(folder, admin=ADMIN, admin_password=ADMIN_PASSWORD, bucket="truscore")
    return folder


def proves(user: dict[str, Any], password: str) -> bool:
    """Whether RabbitMQ would let the user in with it."""
    salted = b64decode(user["password_hash"])
    return hashlib.sha256(salted[:4] + password.encode()).digest() == salted[4:]


def test_the_override_is_what_the_compose_file_gives() -> None:
    assert (REPOSITORY / OVERRIDE).read_text() == override_text(yaml.safe_load((REPOSITORY / COMPOSE).read_text()))


@pytest.mark.parametrize("name", [*OURS, "cli", "validator-worker"])
def test_no_service_keeps_a_shared_login(name: str) -> None:
    """Each takes the place of the shared one: it has the path at which the container looks for that."""
    shared = {login for login in SERVICES[name]["secrets"] if login in LOGINS}
    own = {each["target"]: each["source"] for each in USERS["services"][name]["secrets"]}
    assert own == {f"/run/secrets/{login}": f"{name}_{login}" for login in shared}


def test_every_file_that_the_override_names_is_made(made: Path) -> None:
    for secret in USERS["secrets"].values():
        assert (made / Path(secret["file"]).relative_to("secrets/users")).read_text().strip()


def test_each_amqp_user_gets_in_by_its_own_password_and_has_the_rights_of_the_table(made: Path) -> None:
    found = json.loads((made / "definitions.json").read_text())
    users = {each["name"]: each for each in found["users"]}
    for rights in permissions():
        address = URL((made / rights.user / AMQP).read_text())
        assert address.user == rights.user
        assert address.password
        assert proves(users[rights.user], address.password)
        (given,) = [each for each in found["permissions"] if each["user"] == rights.user]
        assert (given["configure"], given["write"], given["read"]) == (rights.configure, rights.write, rights.read)
    assert proves(users[ADMIN], ADMIN_PASSWORD)
    assert "administrator" in users[ADMIN]["tags"]


def test_each_key_of_the_store_has_the_policy_of_the_table_and_others_have_none(made: Path) -> None:
    assert {path.stem for path in (made / "minio").glob("*.json")} == set(TABLE)
    for user, rights in TABLE.items():
        assert json.loads((made / "minio" / f"{user}.json").read_text()) == policy(rights, "truscore")
        assert (made / "minio" / f"{user}.key").read_text() == (made / user / S3_KEY).read_text()
        assert (made / user / S3_USER).read_text() == user
        assert 3 <= len(user) <= 20
    assert {user for user in USERS["services"] if (made / user / S3_KEY).exists()} <= set(TABLE)


def test_what_is_there_stays_when_it_is_repeated(made: Path) -> None:
    logins = {path: path.read_text() for path in made.rglob("*") if path.is_file() and path.name != "definitions.json"}
    write(made, admin=ADMIN, admin_password=ADMIN_PASSWORD, bucket="truscore")
    assert {path: path.read_text() for path in logins} == logins
