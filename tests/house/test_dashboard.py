"""Dashboards, scrape targets and rules are held to what the services really export and are called."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Gauge
from truscore.events.v1 import telemetry_pb2

from deploy.grafana.__main__ import written
from services.monitor.facts import Raised
from services.monitor.gauges import Gauges
from tests.measuring.metrics_record import rules
from tests.unit.monitor import event_sequences

REPOSITORY = Path(__file__).parents[2]
DASHBOARDS = {
    path.stem: json.loads(path.read_text())
    for path in sorted((REPOSITORY / "deploy/grafana/dashboards").glob("*.json"))
}
PANELS = [panel for each in DASHBOARDS.values() for panel in each["panels"]]
SCRAPE = yaml.safe_load((REPOSITORY / "deploy/prometheus/prometheus.yml").read_text())
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
COUNTING = (
    "truscore.bus.metrics",
    "services.dataset_validator.metrics",
    "services.experiment_tracker.metrics",
    "services.trainer.metrics",
    "services.monitor.notifications.channel",
)
# What Prometheus adds to every metric that it scrapes, and what it and its client library add by themselves.
ADDED = {"job", "instance"}
GIVEN: dict[str, set[str]] = {"up": set(), "process_resident_memory_bytes": set()}
# RabbitMQ's own metrics are its: a record of a real one has them (tests/connected/prometheus).
METRIC = re.compile(r"\b(?:truscore|process)_[a-z_]+\b|\bup\b|\btruscore:[a-z0-9_:]+")
RECORDED = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
LABELS = re.compile(r"\{\{ ?(?:\$labels\.)?(\w+) ?\}\}")


def queries() -> list[tuple[str, str]]:
    """Every query of our metrics with the text that names its labels."""
    targets = [target for panel in PANELS for target in panel.get("targets", [])]
    asked = [
        *((target["expr"], target["legendFormat"]) for target in targets),
        *((rule["expr"], rule["annotations"]["summary"]) for rule in rules() if "alert" in rule),
        *((expr, "") for expr in RECORDED.values()),
    ]
    return [(query, re.sub(r"\$value( \| \w+)?", "", text)) for query, text in asked if "rabbitmq_" not in query]


def pages() -> dict[str, set[str]]:
    """What the services' pages can show: label names by metric name, as Prometheus stores them."""
    alert = Raised(alert_id="a", rule="run.stalled", severity="critical", subject="r", message="m", raised_at=1)
    gpu = telemetry_pb2.GpuSample(name="H100", memory_total_bytes=2**36)
    board = event_sequences.board_after(
        [event_sequences.started(), event_sequences.progressed(1), event_sequences.sampled(gpus=[gpu])]
    )
    board.apply(alert, 1)
    gauges = Gauges(board, watchers=lambda: 0)
    gauges.count("truscore.events.v1.TrainingStarted")
    shown = {sample.name: set(sample.labels) for metric in gauges.collect() for sample in metric.samples}
    counting = [each for module in COUNTING for each in vars(importlib.import_module(module)).values()]
    for each in counting:
        if isinstance(each, Counter | Gauge):
            (metric,) = each.describe()
            shown[f"{metric.name}_total" if isinstance(each, Counter) else metric.name] = set(each._labelnames)
    return shown | GIVEN | {name: _grouped(expr) for name, expr in RECORDED.items()}


def _grouped(query: str) -> set[str]:
    return {label.strip() for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(",")}


PAGES = pages()


@pytest.mark.parametrize(("query", "_legend"), queries(), ids=str)
def test_every_query_asks_for_metrics_that_a_service_exports(query: str, _legend: str) -> None:
    requested = set(METRIC.findall(query))
    assert requested
    assert requested <= set(PAGES)


@pytest.mark.parametrize(("query", "legend"), queries(), ids=str)
def test_every_legend_names_labels_that_its_metrics_keep(query: str, legend: str) -> None:
    grouped = _grouped(query)
    have = ADDED.union(*(PAGES[name] for name in METRIC.findall(query)))
    assert grouped <= have
    assert set(LABELS.findall(legend)) <= (grouped or have)


def test_every_metric_of_monitor_tracker_and_trainer_is_on_a_dashboard() -> None:
    shown = {name for query, _ in queries() for name in METRIC.findall(query)}
    ours = {name for name in PAGES if name.startswith(("truscore_monitor_", "truscore_tracker_", "truscore_trainer_"))}
    assert sorted(ours - shown) == []


def test_every_service_of_ours_is_scraped_where_its_page_is() -> None:
    scraped = set(_targets(SCRAPE))
    ports = {
        (name, int(next(value for key, value in service["environment"].items() if key.endswith("_METRICS_PORT"))))
        for name, service in COMPOSE.items()
        if any(key.endswith("_METRICS_PORT") for key in service.get("environment", {}))
        and set(service["networks"]) & set(COMPOSE["prometheus"]["networks"])
    }
    assert ports
    assert ports <= scraped
    assert {name for name, _ in scraped} <= set(COMPOSE)


def _targets(scrape: dict[str, Any]) -> Iterator[tuple[str, int]]:
    for job in scrape["scrape_configs"]:
        for static in job.get("static_configs", []):
            for target in static["targets"]:
                name, _, port = target.partition(":")
                yield name, int(port)
        for dns in job.get("dns_sd_configs", []):
            yield from ((name, dns["port"]) for name in dns["names"])


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_do_not_overlap_and_have_their_own_ids(name: str) -> None:
    panels = DASHBOARDS[name]["panels"]
    places = [panel["gridPos"] for panel in panels]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_files_of_the_dashboards_are_what_their_tables_give() -> None:
    folder = REPOSITORY / "deploy/grafana/dashboards"
    assert {path.name: path.read_text() for path in folder.iterdir()} == written()
    listed = yaml.safe_load((REPOSITORY / "deploy/grafana/kustomization.yaml").read_text())["configMapGenerator"]
    assert [Path(name).name for name in listed[0]["files"]] == sorted(written())


def test_grafana_finds_its_dashboards_and_its_prometheus() -> None:
    provisioning = REPOSITORY / "deploy/grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    used = {panel["datasource"]["uid"] for panel in PANELS if "datasource" in panel}
    assert used == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((provisioning / "dashboards/truscore.yml").read_text())["providers"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in COMPOSE["grafana"]["volumes"]
