"""docker-compose.yml and the Dockerfile as the tests read them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (REPOSITORY / "deploy/docker/Dockerfile").read_text()
ENV_EXAMPLE = (REPOSITORY / "deploy/docker/env.example").read_text()
# What is built from this repository and runs always; mlflow is built but is not ours.
OURS = {
    name: each for name, each in SERVICES.items() if "build" in each and "profiles" not in each and name != "mlflow"
}
UNITS = {"m": 2**20, "g": 2**30}


def module_of(service: dict[str, Any]) -> str:
    """The package that the service's command starts, such as services.trainer."""
    return str(service["command"][2])


def default_of(value: str) -> str:
    """What `${NAME:-default}` gives where nothing is set; a text without variables as it is."""
    return re.sub(r"\$\{[A-Z0-9_]+:-([^}]*)\}", r"\1", value)


def bytes_of(size: str) -> int:
    """Of a size as Compose writes it, such as 512m."""
    return int(size[:-1]) * UNITS[size[-1]]


def referenced_variables() -> set[str]:
    """Names that docker-compose.yml takes from .env or the shell, whether into its text or through to a service."""
    passed = {key for each in SERVICES.values() for key, value in _environment(each).items() if value is None}
    texts = [(REPOSITORY / name).read_text() for name in ("docker-compose.yml", "deploy/docker/compose.gpu.yml")]
    return passed | {name for text in texts for name in re.findall(r"\$\{([A-Z0-9_]+)", text)}


def _environment(service: dict[str, Any]) -> dict[str, str | None]:
    environment: dict[str, str | None] = service.get("environment", {})
    return environment


def settings_given(service: dict[str, Any]) -> set[str]:
    """The settings that a container is given: as variables, or as files that are named after them or by one."""
    variables = set(_environment(service))
    named = {name.removesuffix("_FILE") for name, value in _environment(service).items() if _is_secret(value)}
    return variables | named | {secret.upper() for secret in service["secrets"] if secret.startswith("truscore_")}


def _is_secret(value: str | None) -> bool:
    return str(value).startswith("/run/secrets/")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One stage of the Dockerfile: what it is built on, and its text."""

    name: str
    parent: str
    text: str

    @property
    def copied(self) -> list[str]:
        """Paths of this repository that it copies."""
        lines = re.findall(r"^COPY (?!--from)(.+)$", self.text, re.MULTILINE)
        return [path for line in lines for path in line.split()[:-1]]

    @property
    def taken_from(self) -> list[str]:
        """Other stages that it copies from, in order."""
        return re.findall(r"^COPY --from=(\S+)", self.text, re.MULTILINE)


def stages() -> dict[str, Stage]:
    """Every stage of the Dockerfile by its name."""
    found = re.findall(r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    return {name: Stage(name=name, parent=parent, text=text) for parent, name, text in found}


def lineage(name: str) -> list[Stage]:
    """The stage and what it is built on, itself first."""
    known, line = stages(), []
    while name in known:
        line.append(known[name])
        name = known[name].parent
    return line
