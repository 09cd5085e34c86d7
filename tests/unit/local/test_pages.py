"""Every page that is shown says whose it is, and the broker's how to log in."""

from pathlib import Path

from deploy.local.addresses import PREFIXES, doors, ports_needed, variables
from deploy.local.progress.pages import pages
from deploy.local.servers.objects import ObjectServer

KNOWN = variables(
    amqp_url="amqp://truscore:0a1b@127.0.0.1:20001/%2F",
    management_url="http://127.0.0.1:20002",
    objects=ObjectServer(endpoint="http://127.0.0.1:20003", access_key="key", secret_key="secret"),
    bucket="truscore",
    mlflow_url="http://127.0.0.1:20004",
    service_doors=doors(list(PREFIXES), list(range(20010, 20010 + ports_needed(list(PREFIXES))))),
    workdir=Path("/srv/truscore/work"),
)
LINES = list(pages(KNOWN, password_in=Path("/srv/secrets.json")))


def test_each_page_of_metrics_names_its_service() -> None:
    for service, prefix in PREFIXES.items():
        (line,) = (line for line in LINES if line.endswith(KNOWN[f"TRUSCORE_{prefix}_METRICS_URL"]))
        assert service in line


def test_the_page_of_the_broker_comes_with_its_user_and_where_the_password_is_but_not_the_password() -> None:
    place = next(number for number, line in enumerate(LINES) if "http://127.0.0.1:20002" in line)
    assert "truscore" in LINES[place + 1]
    assert "/srv/secrets.json" in LINES[place + 1]
    assert not any("0a1b" in line for line in LINES)
