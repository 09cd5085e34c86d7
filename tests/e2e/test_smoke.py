"""What an operator runs after `docker compose up`, on the services as processes."""

import os
import subprocess
import sys

import pytest

from deploy.local.servers.programs import REPOSITORY
from tests.e2e.conftest import Stack
from tests.e2e.running import RunningServices

pytestmark = [pytest.mark.connected, pytest.mark.e2e]


def smoke(services: RunningServices, *arguments: str) -> subprocess.CompletedProcess[str]:
    """From standard input, as in the container; in a folder without a local stack's file."""
    script = (REPOSITORY / "deploy/docker/smoke.py").read_text()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRUSCORE_")}
    return subprocess.run(
        [sys.executable, "-", *arguments], input=script, cwd=services.logs, env=inherited | dict(services.variables),
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip


def test_the_smoke_check_passes_on_a_working_system_and_names_a_service_that_is_down(stack: Stack) -> None:
    services = stack.services
    works = smoke(services)
    assert works.returncode == 0, works.stdout + works.stderr + services.tails()
    lines = {line.split()[1]: line for line in works.stdout.splitlines() if line.startswith("ok")}
    assert {"broker", "store", "validator", "trainer", "monitor", "tracker", "exporter", "mlflow"} <= set(lines)
    assert "was accepted" in lines["order"]

    services.processes["dataset-validator"].terminate(60)
    try:
        broken = smoke(services, "--timeout", "2")
    finally:
        services.start("dataset-validator")
        services.wait("dataset-validator")
    assert broken.returncode == 1
    failed = {line.split()[1]: line for line in broken.stdout.splitlines() if line.startswith("FAIL")}
    assert set(failed) == {"validator", "order"}
    assert "has not ended within 2 s" in failed["order"]
    assert "2 of these do not work" in broken.stdout
