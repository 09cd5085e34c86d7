"""docs/operations.md is held to what runs: each alert has its section, each port, limit and secret is named."""

import re
from typing import Any

import pytest
import yaml

from services.experiment_tracker import availability
from services.monitor.rules import RULES
from tests.house.compose_file import COMPOSE, REPOSITORY, SERVICES

PAGE = (REPOSITORY / "docs/operations.md").read_text(encoding="utf-8")
PROMETHEUS = yaml.safe_load((REPOSITORY / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
RULES_OF_PROMETHEUS = [rule for group in PROMETHEUS["groups"] for rule in group["rules"] if "alert" in rule]
# MonitorAlertActive is as severe as the alert that it shows.
SEVERITIES = {rule["alert"]: rule["labels"]["severity"] for rule in RULES_OF_PROMETHEUS if "labels" in rule}
SEVERITIES |= {rule.name: rule.severity for rule in RULES} | {availability.RULE: availability.SEVERITY}
ALERTS = set(SEVERITIES) | {rule["alert"] for rule in RULES_OF_PROMETHEUS}


def section(alert: str) -> str:
    """What stands under the alert's heading; empty where there is none."""
    found = re.search(rf"^#### {re.escape(alert)}\n\n(.+?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_every_alert_has_a_section_that_says_what_to_do(alert: str) -> None:
    assert len(section(alert).split()) >= 20, f"docs/operations.md: write what to do under `#### {alert}`"


@pytest.mark.parametrize("alert", sorted(SEVERITIES))
def test_the_section_of_an_alert_names_its_severity(alert: str) -> None:
    assert section(alert).startswith(f"{SEVERITIES[alert].capitalize()}. ")


@pytest.mark.parametrize("rule", RULES_OF_PROMETHEUS, ids=lambda rule: rule["alert"])
def test_an_alert_of_prometheus_leads_to_its_section(rule: dict[str, Any]) -> None:
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_every_published_port_is_in_the_table_of_pages() -> None:
    published = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]
    assert [port for port in published if f"127.0.0.1:{port.replace('-', ' to ')}" not in PAGE] == []


def test_every_limit_and_every_secret_is_named() -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")
    variables = set(re.findall(r"\$\{((?:[A-Z]+_)+(?:MEMORY|DAYS|BYTES))", text))
    assert variables
    made = set(COMPOSE["secrets"]) - {"truscore_amqp_url"}  # derived from another
    assert [name for name in sorted(variables | made) if f"{name}`" not in PAGE] == []


def test_every_service_and_volume_that_a_command_names_is_in_the_compose_file() -> None:
    commands = re.findall(r"docker compose (?:exec|run|logs|restart|ps) ([^|`\n]+)", PAGE)
    assert commands
    assert [line for line in commands if not {*SERVICES, "SERVICE"} & set(line.split())] == []
    looped = re.findall(r"for volume in ([a-z ]+); do", PAGE)
    assert looped
    assert {volume for line in looped for volume in line.split()} <= set(COMPOSE["volumes"])
    assert COMPOSE["name"] == "truscore"  # the prefix of the volumes' names


def test_every_file_of_the_repository_that_is_named_exists() -> None:
    named = set(re.findall(r"\b(?:deploy|docs)/[\w./-]+\w", PAGE))
    assert named
    assert [path for path in named if not (REPOSITORY / path).exists()] == []
