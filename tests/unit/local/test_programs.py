"""Where no RabbitMQ is installed, people read what to do, or it is fetched."""

from pathlib import Path

import pytest

from deploy.local.servers.debian import can_fetch
from deploy.local.servers.ports import free_ports
from deploy.local.servers.programs import ready_rabbitmq
from deploy.local.servers.rabbitmq import RabbitMissing
from deploy.local.settings import LocalSettings


def test_a_missing_broker_is_named_with_the_ways_out(tmp_path: Path) -> None:
    settings = LocalSettings(rabbitmq_places="/nowhere", rabbitmq_fetch=False, programs_dir=tmp_path)
    with pytest.raises(RabbitMissing, match=r"no rabbitmq-server in /nowhere.*apt-get install.*TRUSCORE_AMQP_URL"):
        ready_rabbitmq(settings)


@pytest.mark.skipif(not can_fetch(), reason="no apt-get, apt-cache and dpkg-deb on this machine")
def test_without_a_network_the_message_is_that_the_package_lists_could_not_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (free,) = free_ports(1)
    (tmp_path / "sources.list").write_text(f"deb http://127.0.0.1:{free}/debian bookworm main\n")
    configuration = {
        "Dir::Etc::sourcelist": tmp_path / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": tmp_path / "state",
        "Acquire::Retries": 0,
        "Acquire::http::Proxy": "DIRECT",
    }
    (tmp_path / "apt.conf").write_text("".join(f'{name} "{value}";\n' for name, value in configuration.items()))
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    settings = LocalSettings(rabbitmq_places="/nowhere", programs_dir=tmp_path / "programs")
    with pytest.raises(RabbitMissing) as refusal:
        ready_rabbitmq(settings)
    output = str(refusal.value)
    assert "the package lists could not be fetched" in output
    assert f"127.0.0.1:{free}" in output
    assert "TRUSCORE_AMQP_URL" in output
    assert "Unable to locate" not in output
