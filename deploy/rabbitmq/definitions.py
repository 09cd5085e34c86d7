"""Definitions for RabbitMQ with one user per service, each with the rights that the table of messages gives it.

`python -m deploy.rabbitmq.definitions --passwords FOLDER > definitions.json`, then `rabbitmqctl import_definitions
definitions.json`. FOLDER holds the passwords, a file named after each user; no password is in what is written, only its
salted hash. All that is shared is declared here, since services with these rights declare queues of their own only.
"""

import argparse
import hashlib
import json
import secrets
import sys
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from truscore.bus import topology
from truscore.bus.consuming.retry import RetryPolicy
from truscore.bus.declarations import EXCHANGES, Queue, all_queues, retry_and_dead_queues
from truscore.bus.permissions import permissions

# Where failed messages wait: the defaults of the services' settings. With other delays set there, also set here.
RETRY_DELAYS_S: Final[Mapping[str, tuple[float, ...]]] = {
    topology.VALIDATOR: (1, 5, 30, 120),
    topology.TRAINER: (1, 5, 30, 120, 300, 600, 1800, 3600),
    topology.EXPORTER: (1, 5, 30, 120),
    topology.TRACKER: (1, 5, 30, 120),
    topology.SEARCH: (1, 5, 30, 120),
}


class NoPassword(Exception):
    """A user's password is not where it is looked for."""


def definitions(
    passwords: Mapping[str, str], *, vhost: str = "/", delays_s: Mapping[str, tuple[float, ...]] = RETRY_DELAYS_S
) -> dict[str, Any]:
    """As RabbitMQ imports them, for the users that a password is given of."""
    waiting = [
        queue for service, delays in delays_s.items()
        for queue in retry_and_dead_queues(service, RetryPolicy(delays_s=delays))[:-1]
    ]  # fmt: skip
    queues = [*all_queues(), *waiting]
    allowed = [each for each in permissions() if each.user in passwords]
    return {
        "vhosts": [{"name": vhost}],
        "users": [_user(each.user, passwords[each.user]) for each in allowed],
        "permissions": [
            {"user": each.user, "vhost": vhost, "configure": each.configure, "write": each.write, "read": each.read}
            for each in allowed
        ],
        "topic_permissions": [
            {
                "user": each.user,
                "vhost": vhost,
                "exchange": topology.EXCHANGE,
                "write": each.publish,
                "read": each.bind,
            }
            for each in allowed
        ],
        "exchanges": [
            {"name": name, "vhost": vhost, "type": kind, "durable": True, "auto_delete": False, "arguments": {}}
            for name, kind in EXCHANGES
        ],
        "queues": list({queue.name: _declared(queue, vhost) for queue in queues}.values()),
        "bindings": [_binding(queue, vhost) for queue in queues if queue.exchange],
    }


def _user(name: str, password: str) -> dict[str, Any]:
    salt = secrets.token_bytes(4)  # RabbitMQ's own form: four bytes, then the digest of them and the password
    digest = hashlib.sha256(salt + password.encode()).digest()
    return {
        "name": name,
        "password_hash": b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [],
    }


def _declared(queue: Queue, vhost: str) -> dict[str, Any]:
    return {
        "name": queue.name,
        "vhost": vhost,
        "type": queue.arguments["x-queue-type"],
        "durable": True,
        "auto_delete": False,
        "arguments": queue.arguments,
    }


def _binding(queue: Queue, vhost: str) -> dict[str, Any]:
    return {
        "source": queue.exchange,
        "vhost": vhost,
        "destination": queue.name,
        "destination_type": "queue",
        "routing_key": queue.routing_key,
        "arguments": queue.bind_arguments or {},
    }


def passwords_in(folder: Path) -> dict[str, str]:
    """By user. Raises NoPassword, naming every file that is missing or empty."""
    users = [each.user for each in permissions()]
    found = {user: (folder / user).read_text().strip() for user in users if (folder / user).is_file()}
    missing = [user for user in users if not found.get(user)]
    if missing:
        raise NoPassword(f"{folder}: no password of {', '.join(missing)}; accepted is a file of one line for each")
    return found


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.rabbitmq.definitions", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--passwords", type=Path, required=True, help="folder of a file for each user")
    parser.add_argument("--vhost", default="/", help="virtual host that all is in")
    arguments = parser.parse_args()
    try:
        text = json.dumps(definitions(passwords_in(arguments.passwords), vhost=arguments.vhost), indent=1)
    except (NoPassword, OSError) as error:
        parser.error(str(error))
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
