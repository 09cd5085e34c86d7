"""Which variable says what to whom in a local stack. Pure: knows names and numbers, starts nothing."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.ports import LOOPBACK

# Which process runs the stack, as `truscore.process.identity` has it: readers can see whether the file is left over.
STACK_PROCESS = "TRUSCORE_STACK_PROCESS"
# Name in the Procfile, and the name that its settings begin with after TRUSCORE_.
PREFIXES: Mapping[str, str] = {
    "dataset-validator": "VALIDATOR",
    "trainer": "TRAINER",
    "monitor": "MONITOR",
    "experiment-tracker": "TRACKER",
    "exporter": "EXPORTER",
    "hyperparameter-search": "SEARCH",
    "studio": "STUDIO",
}
# Those that browsers are shown pages of, on a port of their own.
WITH_PAGES = frozenset({"studio"})
# Printable ASCII without what some reader of environment files would take for a quote, an escape or a comment.
UNMISTAKABLE = re.compile(r"[!%&()*+,\-./0-9:;<=>?@A-Z\[\]^_a-z{|}~]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """Where one service answers."""

    service: str
    grpc_port: int
    metrics_port: int
    pages_port: int | None = None

    @property
    def prefix(self) -> str:
        return f"TRUSCORE_{PREFIXES[self.service]}"

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.grpc_port}"

    @property
    def metrics_url(self) -> str:
        return f"http://{LOOPBACK}:{self.metrics_port}/metrics"


def ports_needed(services: list[str]) -> int:
    return 2 * len(services) + len(WITH_PAGES.intersection(services))


def doors(services: list[str], ports: list[int]) -> list[Door]:
    """Two ports for each service, a third where it has pages; ValueError for one that no settings belong to."""
    unknown = [service for service in services if service not in PREFIXES]
    if unknown:
        raise ValueError(f"the Procfile names {', '.join(unknown)}: known are {', '.join(PREFIXES)}")
    left = iter(ports)
    return [
        Door(
            service=service,
            grpc_port=next(left),
            metrics_port=next(left),
            pages_port=next(left) if service in WITH_PAGES else None,
        )
        for service in services
    ]


def variables(
    *,
    amqp_url: str,
    management_url: str,
    objects: ObjectServer,
    bucket: str,
    mlflow_url: str,
    service_doors: list[Door],
    workdir: Path,
) -> dict[str, str]:
    """Everything that services and clients of the stack need to know."""
    environment = {
        "TRUSCORE_AMQP_URL": amqp_url,
        "TRUSCORE_S3_ENDPOINT": objects.endpoint,
        "TRUSCORE_S3_ACCESS_KEY": objects.access_key,
        "TRUSCORE_S3_SECRET_KEY": objects.secret_key,
        "TRUSCORE_BUCKET": bucket,
        "TRUSCORE_MLFLOW_URL": mlflow_url,
        "TRUSCORE_RABBITMQ_PAGE": management_url,
    }
    for door in service_doors:
        environment |= {
            f"{door.prefix}_ADDRESS": door.address,
            f"{door.prefix}_GRPC_PORT": str(door.grpc_port),
            f"{door.prefix}_METRICS_PORT": str(door.metrics_port),
            f"{door.prefix}_METRICS_URL": door.metrics_url,
            f"{door.prefix}_WORKDIR": str(workdir / door.service),
        }
        if door.pages_port is not None:
            environment |= {
                f"{door.prefix}_PORT": str(door.pages_port),
                f"{door.prefix}_URL": f"http://{LOOPBACK}:{door.pages_port}",
            }
    return {name: value for name, value in environment.items() if value}


def to_env_file(values: Mapping[str, str]) -> str:
    """Lines that a shell, honcho and python-dotenv read alike; ValueError for a value they would read differently."""
    for name, value in values.items():
        if not UNMISTAKABLE.fullmatch(value):
            raise ValueError(f"{name} is {value!r}: accepted are ASCII characters but blanks, quotes and any of \\$`#")
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def from_env_file(text: str) -> dict[str, str]:
    """What `to_env_file` wrote."""
    lines = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name: "".join(shlex.split(value)) for name, _, value in lines}
