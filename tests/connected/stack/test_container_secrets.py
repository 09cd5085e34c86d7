"""What deploy/docker/init.sh makes opens the broker, and is all that a service in a container gets to log in with."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from truscore.bus import connect
from truscore.process.supervised import start_process, wait_until
from truscore.telemetry.probe import SERVING, health_of
from yarl import URL

from deploy.local.servers.ports import free_ports
from deploy.local.servers.programs import REPOSITORY
from tests.conftest import PrivateBroker

pytestmark = pytest.mark.connected

PASSWORD = "".join(chr(code) for code in range(33, 127))
USER = "a user"


@pytest.fixture
def secrets(private_broker: PrivateBroker, tmp_path: Path) -> Path:
    """As init.sh makes them for a password with every character, but with the address of our broker."""
    shutil.copytree(REPOSITORY / "deploy/docker", tmp_path / "deploy/docker")
    (folder := tmp_path / "secrets").mkdir()
    (folder / "rabbitmq_password").write_text(PASSWORD)
    (tmp_path / ".env").write_text(f"RABBITMQ_USER='{USER}'\n")
    subprocess.run(["sh", tmp_path / "deploy/docker/init.sh"], check=True, capture_output=True, timeout=30)
    node, permissions = private_broker.node, {"configure": ".*", "write": ".*", "read": ".*"}
    node.manage("PUT", f"/api/users/{quote(USER)}", {"password": PASSWORD, "tags": ""})
    node.manage("PUT", f"/api/permissions/{private_broker.vhost}/{quote(USER)}", permissions)
    path, ours = folder / "truscore_amqp_url", URL(private_broker.amqp_url)
    written = path.read_text()
    path.write_text(written.replace("@rabbitmq:5672/", f"@{ours.host}:{ours.port}/{private_broker.vhost}"))
    return folder


async def test_a_password_with_every_character_opens_the_broker(secrets: Path) -> None:
    bus = connect((secrets / "truscore_amqp_url").read_text(), service="monitor", retry_for_s=10)
    try:
        await bus.connect()
        assert await bus.ping(timeout=10)
    finally:
        await bus.stop()


def test_a_service_starts_with_its_login_in_a_file_and_none_in_its_environment(secrets: Path, tmp_path: Path) -> None:
    grpc, metrics = free_ports(2)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRUSCORE_")}
    monitor = start_process(
        "monitor",
        [sys.executable, "-m", "services.monitor"],
        log_path=tmp_path / "monitor.log",
        env=inherited
        | {
            "TRUSCORE_SECRETS_DIR": str(secrets),
            "TRUSCORE_MONITOR_GRPC_PORT": str(grpc),
            "TRUSCORE_MONITOR_METRICS_PORT": str(metrics),
        },
        cwd=REPOSITORY,
    )
    try:
        wait_until(
            monitor, lambda: health_of(f"127.0.0.1:{grpc}", timeout_s=2) == SERVING, timeout_s=60, what="SERVING"
        )
        assert PASSWORD not in (tmp_path / "monitor.log").read_text()
    finally:
        monitor.terminate(30)
