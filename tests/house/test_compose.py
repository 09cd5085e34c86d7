"""The compose file is held to the code: what it starts exists, what it sets is a setting, what it needs is there."""

import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.generate.settings import SERVICES, variables

REPOSITORY = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
DOCKERFILE = (REPOSITORY / "deploy/docker/Dockerfile").read_text()
OURS = {name: service for name, service in COMPOSE["services"].items() if "build" in service and name != "mlflow"}


def module_of(service: dict[str, Any]) -> str:
    return str(service["command"][2])


def test_the_compose_files_follow_the_compose_specification() -> None:
    files = ["docker-compose.yml", "deploy/docker/compose.gpu.yml"]
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", *files],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_service_of_ours_is_in_the_compose_file() -> None:
    assert {module_of(service) for service in OURS.values()} == {f"services.{package}" for package in SERVICES}


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_starts_a_module_that_exists(name: str) -> None:
    assert importlib.util.find_spec(f"{module_of(OURS[name])}.__main__"), OURS[name]["command"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_image_and_the_compose_file_start_the_same_command(name: str) -> None:
    target = OURS[name]["build"]["target"]
    stage = DOCKERFILE.split(f"FROM base AS {target}\n", 1)[1].split("\nFROM ", 1)[0]
    assert f'CMD ["python", "-m", "{module_of(OURS[name])}"]' in stage


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_variable_of_a_service_is_a_setting_of_it(name: str) -> None:
    set_here = {key for key in OURS[name]["environment"] if key.startswith("TRUSCORE_")}
    known = {variable.name for variable in variables(module_of(OURS[name]))}
    assert set_here <= known, f"{name} sets {sorted(set_here - known)}, which {module_of(OURS[name])} does not read"


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_required_setting_of_a_service_is_set(name: str) -> None:
    required = {variable.name for variable in variables(module_of(OURS[name])) if variable.required}
    assert required <= set(OURS[name]["environment"]), (
        f"{name} lacks {sorted(required - set(OURS[name]['environment']))}"
    )


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_every_service_is_watched_and_comes_back(name: str) -> None:
    service = COMPOSE["services"][name]
    if service["restart"] == "no":
        return
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", [*sorted(OURS), "mlflow"])
def test_every_container_of_ours_runs_without_privileges(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("target", re.findall(r"^FROM base AS (?!build$)(\S+)$", DOCKERFILE, re.MULTILINE))
def test_every_image_leaves_root(target: str) -> None:
    stage = DOCKERFILE.split(f"FROM base AS {target}\n", 1)[1].split("\nFROM ", 1)[0]
    assert "USER 10001:10001" in stage


def test_the_dockerfile_passes_its_linter() -> None:
    linted = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), "deploy/docker/Dockerfile"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout


def test_no_port_is_published_beyond_this_machine() -> None:
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)


def test_every_mounted_file_exists() -> None:
    mounts = [volume for service in COMPOSE["services"].values() for volume in service.get("volumes", [])]
    ours = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert ours
    assert [path for path in ours if not (REPOSITORY / path).exists()] == []


def test_no_secret_has_a_default() -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text()
    assert re.findall(r"\$\{[A-Z0-9_]*(?:PASSWORD|SECRET|ACCESS)[A-Z0-9_]*:-[^}]*\}", text) == []
    example = (REPOSITORY / "deploy/docker/env.example").read_text()
    assert re.findall(r"^\w*(?:PASSWORD|SECRET_KEY)=.+$", example, re.MULTILINE) == []


def test_every_variable_the_compose_file_asks_for_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{([A-Z0-9_]+):\?", (REPOSITORY / "docker-compose.yml").read_text()))
    given = set(re.findall(r"^([A-Z0-9_]+)=", (REPOSITORY / "deploy/docker/env.example").read_text(), re.MULTILINE))
    assert asked == given


def test_every_setting_is_documented_in_the_settings_table() -> None:
    table = (REPOSITORY / "docs/reference/settings.md").read_text()
    missing = [
        variable.name for package in SERVICES for variable in variables(f"services.{package}")
        if f"`{variable.name}`" not in table
    ]  # fmt: skip
    assert missing == [], "run `make reference`"
