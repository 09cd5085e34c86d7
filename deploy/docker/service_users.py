"""Users of their own for the containers: an AMQP user and a key of the store for each service, from the two tables.

`python -m deploy.docker.service_users` after `init.sh`, then Compose with `-f docker-compose.yml -f
deploy/docker/compose.users.yml`. Writes secrets/users/: what each container logs in with, what RabbitMQ imports at its
start, and what MinIO is told. What is there stays, so that it is harmless to repeat.
"""

import argparse
import json
import secrets
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import yaml
from truscore.bus.permissions import permissions

from deploy.rabbitmq.definitions import definitions
from deploy.s3.policies import TABLE, policy

FOLDER: Final = Path("secrets/users")
OVERRIDE: Final = Path("deploy/docker/compose.users.yml")
COMPOSE: Final = Path("docker-compose.yml")
AMQP, S3_USER, S3_KEY = "truscore_amqp_url", "truscore_s3_access_key", "truscore_s3_secret_key"
LOGINS: Final = (AMQP, S3_USER, S3_KEY)


def write(folder: Path, *, admin: str, admin_password: str, bucket: str) -> None:
    """All files of the folder. ValueError where the bucket's name would be a pattern."""
    users = [each.user for each in permissions()]
    for user in users:
        password = _kept(folder / "rabbitmq" / user, secrets.token_hex(20))
        _write(folder / user / AMQP, f"amqp://{quote(user, safe='')}:{password}@rabbitmq:5672/")
    for user, rights in TABLE.items():
        _write(folder / user / S3_USER, user)
        _kept(folder / user / S3_KEY, secrets.token_hex(20))
        _write(folder / "minio" / f"{user}.json", json.dumps(policy(rights, bucket), indent=1) + "\n")
        _write(folder / "minio" / f"{user}.key", (folder / user / S3_KEY).read_text())
    _write(folder / "definitions.json", json.dumps(_definitions(folder, users, admin, admin_password), indent=1))


def _definitions(folder: Path, users: list[str], admin: str, admin_password: str) -> dict[str, Any]:
    """With the administrator, whom RabbitMQ does not make itself where it imports users at its start."""
    passwords = {user: (folder / "rabbitmq" / user).read_text() for user in users}
    found = definitions(passwords)
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    (made,) = definitions({users[0]: admin_password})["users"]
    found["users"].append({**made, "name": admin, "tags": ["administrator", "impersonator"]})
    found["permissions"].append({"user": admin, "vhost": "/", **everything})
    return found


def override(compose: dict[str, Any]) -> dict[str, Any]:
    """The file that gives each service its own logins in place of the shared ones."""
    services: dict[str, Any] = {
        "rabbitmq": {
            "secrets": [{"source": "users_definitions", "target": "/run/secrets/definitions.json"}],
            "volumes": ["./deploy/rabbitmq/users.conf:/etc/rabbitmq/conf.d/30-users.conf:ro"],
        },
        "bucket": {
            "volumes": ["./deploy/minio/users.sh:/users.sh:ro", "./secrets/users/minio:/users:ro"],
            "entrypoint": ["/bin/sh", "-c", "/bin/sh /setup.sh && /bin/sh /users.sh"],
        },
    }
    files = {"users_definitions": {"file": "secrets/users/definitions.json"}}
    for name, service in compose["services"].items():
        # What is not ours, as the job that makes the bucket, has nothing of the services'.
        own = [login for login in LOGINS if "build" in service and login in service.get("secrets", [])]
        if not own:
            continue
        # Targets are whole paths: that is how Compose sees that they take the place of the shared ones.
        services[name] = {
            "secrets": [{"source": f"{name}_{login}", "target": f"/run/secrets/{login}"} for login in own]
        }
        files |= {f"{name}_{login}": {"file": f"secrets/users/{name}/{login}"} for login in own}
    return {"services": services, "secrets": files}


def override_text(compose: dict[str, Any]) -> str:
    """As it is committed."""
    head = (
        "# A user of the broker and a key of the store for each service: docs/operations.md.\n"
        "# Made by `python -m deploy.docker.service_users --override`; a test holds it to docker-compose.yml.\n"
    )
    return head + yaml.safe_dump(override(compose), sort_keys=False, width=200)


def _kept(path: Path, fresh: str) -> str:
    if not path.exists():
        _write(path, fresh)
    return path.read_text()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    # Readable for all, for containers' users differ: secrets/ isn't.
    path.chmod(0o644)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.docker.service_users", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--bucket", default="truscore", help="the bucket, as TRUSCORE_BUCKET of .env")
    parser.add_argument("--admin", default="truscore", help="the broker's administrator, as RABBITMQ_USER of .env")
    parser.add_argument("--override", action="store_true", help=f"write {OVERRIDE} anew, and nothing else")
    arguments = parser.parse_args()
    if arguments.override:
        OVERRIDE.write_text(override_text(yaml.safe_load(COMPOSE.read_text())))
        return
    try:
        password = Path("secrets/rabbitmq_password").read_text().strip()
        write(FOLDER, admin=arguments.admin, admin_password=password, bucket=arguments.bucket)
    except (OSError, ValueError) as error:
        parser.error(f"{error}; run deploy/docker/init.sh first, in the repository's folder")


if __name__ == "__main__":
    main()
