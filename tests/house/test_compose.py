"""The compose file is held to the code: what it starts exists, what it sets is a setting, what it needs is there."""

import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from docs.generate.settings import SERVICES as PACKAGES
from docs.generate.settings import variables, variables_of
from services.dataset_validator.settings import ShardWorkerSettings
from tests.house.compose_file import (
    COMPOSE,
    ENV_EXAMPLE,
    OURS,
    REPOSITORY,
    SERVICES,
    bytes_of,
    default_of,
    module_of,
    referenced_variables,
    settings_given,
    stages,
)

FILES = ["docker-compose.yml", "deploy/docker/compose.gpu.yml", "deploy/docker/compose.users.yml"]
WORKER = "validator-worker"
# Caches whose files are loaded as code.
EXECUTED = ("TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
# Most memory that the service itself lets its work take: its own message has to come before the kernel's.
OWN_BOUNDS = {
    "dataset-validator": "TRUSCORE_VALIDATOR_MEMORY_BYTES",
    "exporter": "TRUSCORE_EXPORTER_MEMORY_BYTES",
}


def run(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=dict(os.environ) | environment,
    )


def settings_of(name: str) -> set[str]:
    if name == WORKER:  # a second program of the validator's image
        return {variable.name for variable in variables_of(ShardWorkerSettings)}
    return {variable.name for variable in variables("services.cli" if name == "cli" else module_of(OURS[name]))}


def test_the_compose_files_follow_the_compose_specification() -> None:
    checked = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", *FILES)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_docker_compose_takes_the_files(tmp_path: Path) -> None:
    try:
        version = run("docker", "compose", "version")
    except FileNotFoundError:
        pytest.skip("no docker client on this machine")
    if version.returncode != 0:
        pytest.skip(f"the docker client has no compose plugin: {version.stderr.strip().splitlines()[0]}")
    (tmp_path / "env").write_text(ENV_EXAMPLE + "\nTRUSCORE_TRAINER_SLOTS=3\n")
    named = [word for file in FILES for word in ("-f", file)]
    shown = run("docker", "compose", "--env-file", str(tmp_path / "env"), "--profile", "tools", *named, "config")
    assert shown.returncode == 0, shown.stderr
    assert 'TRUSCORE_TRAINER_SLOTS: "3"' in shown.stdout


def test_every_service_of_ours_is_in_the_compose_file() -> None:
    assert {module_of(service) for service in OURS.values()} == {f"services.{package}" for package in PACKAGES}


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_starts_a_module_that_exists(name: str) -> None:
    assert importlib.util.find_spec(f"{module_of(OURS[name])}.__main__"), OURS[name]["command"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_image_and_the_compose_file_start_the_same_command(name: str) -> None:
    target = OURS[name]["build"]["target"]
    assert f'CMD ["python", "-m", "{module_of(OURS[name])}"]' in stages()[target].text


@pytest.mark.parametrize("name", [*sorted(OURS), WORKER, "cli"])
def test_every_variable_of_a_service_is_a_setting_of_it(name: str) -> None:
    known = settings_of(name)
    set_here = {key for key in settings_given(SERVICES[name]) if key.startswith("TRUSCORE_")}
    set_here -= {f"{key}_FILE" for key in set_here & known}
    if name == "cli":  # it shares the services' variables, writes no log and follows no address of an event
        set_here -= {"TRUSCORE_LOG_LEVEL", "TRUSCORE_LOG_JSON", "TRUSCORE_OTLP_ENDPOINT", "TRUSCORE_ACCEPTED_BUCKETS"}
    assert set_here <= known, f"{name} sets {sorted(set_here - known)}, which it does not read"


@pytest.mark.parametrize("name", [*sorted(OURS), WORKER])
def test_every_setting_of_a_service_is_fixed_in_the_compose_file_or_can_be_set_in_dot_env(name: str) -> None:
    given = settings_given(SERVICES[name])
    assert settings_of(name) <= given, f"{name} can't be given {sorted(settings_of(name) - given)}"


def test_the_command_line_is_given_every_address() -> None:
    cli = SERVICES["cli"]
    given = settings_given(cli)
    assert settings_of("cli") <= given
    assert cli["profiles"] == ["tools"]


@pytest.mark.parametrize("name", sorted(key for key in SERVICES["cli"]["environment"] if key.endswith("_ADDRESS")))
def test_every_address_of_the_command_line_is_a_service_and_its_port(name: str) -> None:
    service, _, port = SERVICES["cli"]["environment"][name].partition(":")
    ports = {value for key, value in OURS[service]["environment"].items() if key.endswith("_GRPC_PORT")}
    assert ports == {port}


def test_no_key_or_password_is_in_the_environment_of_a_container() -> None:
    named = [
        (name, key) for name, service in SERVICES.items() for key in service.get("environment", {})
        if re.search(r"PASS|SECRET|ACCESS_KEY|SIGNING|AMQP_URL", key) and not key.endswith(("_FILE", "_DIR"))
    ]  # fmt: skip
    assert named == []
    text = (REPOSITORY / "docker-compose.yml").read_text()
    assert re.findall(r"\$\{[A-Z0-9_]*(?:PASSWORD|SECRET|ACCESS_KEY)[A-Z0-9_]*", text) == []


def test_every_secret_is_defined_and_used() -> None:
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    assert {str(each["file"]) for each in COMPOSE["secrets"].values()} == {f"secrets/{name}" for name in used}


def test_the_example_lists_what_dot_env_can_set_and_nothing_else() -> None:
    listed = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", ENV_EXAMPLE, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == referenced_variables()


def test_the_example_shows_the_defaults_of_the_compose_files() -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text()
    defaults = dict(re.findall(r"\$\{([A-Z0-9_]+):-([^}]*)\}", text))
    shown = dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", ENV_EXAMPLE, re.MULTILINE))
    assert {name: shown[name] for name in defaults} == defaults


@pytest.mark.parametrize("variable", EXECUTED)
def test_what_training_builds_and_loads_lies_where_it_may_be_executed(variable: str) -> None:
    """Docker mounts a tmpfs noexec; torch.compile then can't map what it has built."""
    trainer: dict[str, Any] = OURS["trainer"]
    folder = Path(trainer["environment"][variable])
    volumes = {Path(mount.split(":")[1]) for mount in trainer["volumes"] if not mount.startswith((".", "$"))}
    assert volumes & {folder, *folder.parents}
    assert not {Path(mount.split(":")[0]) for mount in trainer["tmpfs"]} & {folder, *folder.parents}
    made = re.search(r"install --directory --owner=10001 --group=10001 (.+)", stages()["trainer"].text)
    assert made
    assert {Path(path) for path in made[1].split()} & {folder, folder.parent}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_watched_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    if service["restart"] == "no":
        return
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_has_limits_of_memory_processes_and_logs(name: str) -> None:
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert bytes_of(default_of(limits["memory"])) >= 256 * 2**20
    assert limits["pids"] > 0
    assert {"max-size", "max-file"} <= set(SERVICES[name]["logging"]["options"])


@pytest.mark.parametrize(("name", "variable"), OWN_BOUNDS.items())
def test_a_service_meets_its_own_bound_before_that_of_its_container(name: str, variable: str) -> None:
    (own,) = (int(each.default) for each in variables(module_of(OURS[name])) if each.name == variable)
    assert bytes_of(default_of(OURS[name]["deploy"]["resources"]["limits"]["memory"])) > own


@pytest.mark.parametrize("name", [*sorted(OURS), "cli", "mlflow", WORKER, "dask-scheduler"])
def test_every_container_of_ours_runs_without_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


def test_no_port_is_published_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)


def test_what_runs_code_for_whoever_reaches_it_shares_a_network_with_the_validator_and_the_store_alone() -> None:
    """Dask has no logins."""
    reached = {name for name, service in SERVICES.items() if "dask" in service["networks"]}
    assert reached == {"minio", "dataset-validator", WORKER, "dask-scheduler"}
    assert SERVICES[WORKER]["networks"] == SERVICES["dask-scheduler"]["networks"] == ["dask"]
    assert COMPOSE["networks"]["dask"] == {"internal": True}


def test_no_two_services_publish_one_port() -> None:
    published = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]
    ranges = [
        range(int(first), int(last or first) + 1) for first, _, last in (each.partition("-") for each in published)
    ]
    ports = [port for each in ranges for port in each]
    assert len(ports) == len(set(ports))


def test_every_mounted_file_exists() -> None:
    mounts = [default_of(volume) for service in SERVICES.values() for volume in service.get("volumes", [])]
    ours = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert ours
    assert [path for path in ours if not (REPOSITORY / path).exists()] == []


def test_every_setting_is_documented_in_the_settings_table() -> None:
    table = (REPOSITORY / "docs/reference/settings.md").read_text()
    missing = [
        variable.name for package in PACKAGES for variable in variables(f"services.{package}")
        if f"`{variable.name}`" not in table
    ]  # fmt: skip
    assert missing == [], "run `make reference`"


def test_the_smoke_check_asks_pages_of_the_compose_file_in_a_container_of_it() -> None:
    text = (REPOSITORY / "deploy/docker/smoke.sh").read_text()
    requested = dict(re.findall(r"--\w+ http://([a-z]+):(\d+)", text))
    assert set(requested) == {"prometheus", "grafana"}
    assert all(f"127.0.0.1:{port}:{port}" in SERVICES[name]["ports"] for name, port in requested.items())
    assert "--entrypoint python cli -" in text
