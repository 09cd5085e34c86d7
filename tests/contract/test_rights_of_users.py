"""The rights of users follow from the table of messages, and the definitions hold what they presuppose."""

import base64
import hashlib
import importlib
import re

import pytest
from truscore.bus.permissions import permissions, permissions_of
from truscore.bus.topology import EXCHANGE, TOPOLOGY, Row, inbox_name, inboxes, retry_name, waiting_name

from deploy.rabbitmq.definitions import RETRY_DELAYS_S, definitions

PACKAGES = {
    "dataset-validator": "dataset_validator",
    "trainer": "trainer",
    "exporter": "exporter",
    "experiment-tracker": "experiment_tracker",
    "hyperparameter-search": "hyperparameter_search",
}
USERS = [each.user for each in permissions()]


@pytest.mark.parametrize("row", TOPOLOGY, ids=lambda row: row.routing_key)
def test_a_message_may_be_published_by_those_of_its_row_alone(row: Row) -> None:
    assert {each.user for each in permissions() if re.search(each.publish, row.routing_key)} == set(row.publishers)


def test_every_inbox_may_be_made_filled_and_read_by_its_service_and_made_by_nobody_else() -> None:
    for row, listener in inboxes():
        name, own = inbox_name(listener.service, row.routing_key), permissions_of(listener.service)
        assert all(re.search(pattern, name) for pattern in (own.configure, own.write, own.read))
        assert re.search(own.bind, row.routing_key)
        assert [each.user for each in permissions() if re.search(each.configure, name)] == [listener.service]


def test_only_the_command_line_may_write_to_the_default_exchange() -> None:
    assert [each.user for each in permissions() if re.search(each.write, "amq.default")] == ["cli"]


def test_nobody_may_make_or_delete_what_is_shared() -> None:
    shared = (EXCHANGE, "truscore.retry", "truscore.dead", "truscore.log")
    assert [each.user for each in permissions() for name in shared if re.search(each.configure, name)] == []


def test_a_user_that_the_table_does_not_know_has_no_rights() -> None:
    with pytest.raises(ValueError, match="accepted are cli, dataset-validator"):
        permissions_of("somebody")


def test_every_service_that_has_an_inbox_has_its_delays_in_the_definitions() -> None:
    assert set(RETRY_DELAYS_S) == {listener.service for _, listener in inboxes()}


@pytest.mark.parametrize("service", RETRY_DELAYS_S)
def test_queues_of_what_failed_are_defined(service: str) -> None:
    settings = importlib.import_module(f"services.{PACKAGES[service]}.settings").Settings
    (default,) = (field.default for name, field in settings.model_fields.items() if name.endswith("_retry_delays_s"))
    assert RETRY_DELAYS_S[service] == default
    names = {queue["name"] for queue in definitions({})["queues"]}
    assert names >= {retry_name(service, delay_s) for delay_s in default} | {waiting_name(service)}


def test_no_password_is_in_the_definitions_and_its_hash_is_rabbitmqs() -> None:
    made = definitions({user: f"secret of {user}" for user in USERS})
    assert "secret of" not in str(made)
    for user in made["users"]:
        digest = base64.b64decode(user["password_hash"])
        assert hashlib.sha256(digest[:4] + f"secret of {user['name']}".encode()).digest() == digest[4:]
    assert [each["user"] for each in made["permissions"]] == USERS
    assert [each["user"] for each in made["topic_permissions"]] == USERS
