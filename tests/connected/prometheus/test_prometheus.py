"""A real Prometheus with the metrics of a recorded run: it answers every panel of the dashboards, and takes the rules.

Debian's package `prometheus` has the two programs; without them these tests are skipped.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import yaml
from prometheus_client import CollectorRegistry
from truscore.events.v1 import telemetry_pb2
from truscore.process.supervised import start_process, wait_until

from deploy.grafana.tables import DASHBOARDS
from deploy.local.servers.loopback import RequestRefused, request_json
from deploy.local.servers.ports import LOOPBACK, free_ports
from services.experiment_tracker.metrics import REFUSED
from services.monitor.gauges import Gauges
from services.monitor.notifications.channel import NOTIFICATIONS
from tests.measuring.metrics_record import PROMETHEUS, RECORD, Series, openmetrics, rules
from tests.unit.monitor import event_sequences

PROGRAMS = [shutil.which("prometheus"), shutil.which("promtool")]
pytestmark = pytest.mark.skipif(
    not all(PROGRAMS), reason="no prometheus and promtool here: Debian's package prometheus"
)
RULES_TEST = PROMETHEUS.parents[1] / "tests/data/prometheus/rules_test.yml"
SAMPLE = re.compile(r"(\w+)\{(.*)\} (\S+) (\S+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')
QUERIES = [
    pytest.param(query.expr, query.legend, id=f"{each.uid}: {panel.title}: {query.expr[:60]}")
    for each in DASHBOARDS
    for _, panels in each.rows
    for panel in panels
    for query in panel.queries
]
TIMEOUT_S = 60.0


def recorded() -> Series:
    """The record, and what a run without GPUs, notifications and refusals can't have in it."""
    series: Series = {}
    for line in gzip.decompress(RECORD.read_bytes()).decode().splitlines():
        if found := SAMPLE.fullmatch(line):
            labels = tuple(sorted(LABEL.findall(found[2])))
            series.setdefault((found[1], labels), []).append((float(found[4]), float(found[3])))
    times = sorted({at for values in series.values() for at, _ in values})
    registry = CollectorRegistry()
    gpu = telemetry_pb2.GpuSample(
        name="H200", memory_total_bytes=2**37, utilization_percent=97, sm_active_percent=91, tensor_active_percent=40
    )
    board = event_sequences.board_after([event_sequences.sampled(gpus=[gpu])])
    Gauges(board, watchers=lambda: 0).register(registry, lambda: True)
    for child in (NOTIFICATIONS.labels("on-call", "sent"), REFUSED.labels("truscore.events.v1.EpochCompleted")):
        child.inc(0)
    shown = [
        sample for source in (registry, NOTIFICATIONS, REFUSED) for each in source.collect() for sample in each.samples
    ]
    for sample in shown:
        if sample.name.startswith(("truscore_monitor_gpu", "truscore_monitor_notif", "truscore_tracker_refused_total")):
            target = {"job": "truscore", "instance": "monitor:9100"}
            values = [(at, sample.value) for at in times]
            series.setdefault((sample.name, tuple(sorted((sample.labels | target).items()))), values)
    return series


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a Prometheus whose newest samples are those at the end of the record."""
    folder = tmp_path_factory.mktemp("prometheus")
    series = recorded()
    shift = time.time() - max(at for values in series.values() for at, _ in values)
    moved: Series = {key: [(at + shift, value) for at, value in values] for key, values in series.items()}
    (folder / "record.openmetrics").write_text(openmetrics(moved))
    blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "record.openmetrics", "data"]
    subprocess.run(blocks, cwd=folder, check=True, capture_output=True, timeout=TIMEOUT_S)
    # As they are shipped, but evaluated each second: a test does not wait for half a minute.
    for name in ("recording.yml", "alerts.yml"):
        groups = yaml.safe_load((PROMETHEUS / name).read_text())["groups"]
        (folder / name).write_text(yaml.safe_dump({"groups": [each | {"interval": "1s"} for each in groups]}))
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"rule_files": ["recording.yml", "alerts.yml"]}))
    (free,) = free_ports(1)
    argv = [
        "prometheus",
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address={LOOPBACK}:{free}",
    ]
    process = start_process("prometheus", argv, log_path=folder / "log", env=dict(os.environ), cwd=folder)
    try:
        wait_until(process, lambda: _has_recorded(free), timeout_s=TIMEOUT_S, what="a first answer of every rule")
        yield free
    finally:
        process.terminate()


def _has_recorded(port: int) -> bool:
    try:
        # Groups are evaluated at times of their own: until its first, the health of a rule is unknown.
        return "unknown" not in {health for health, _ in evaluated(port).values()} and all(
            answered(port, rule["record"]) for rule in rules() if "record" in rule
        )
    except (OSError, RequestRefused):
        return False


def evaluated(port: int) -> dict[str, tuple[str, str]]:
    """The health of each rule, and its last error, by the rule's name."""
    groups = request_json(port, "GET", "/api/v1/rules")["data"]["groups"]
    return {rule["name"]: (rule["health"], rule.get("lastError", "")) for group in groups for rule in group["rules"]}


def answered(port: int, query: str) -> list[dict[str, str]]:
    """Labels of the series that Prometheus answers with, of the last quarter of an hour as a panel asks for it."""
    now = time.time()
    asked = urlencode({"query": query, "start": now - 900, "end": now, "step": 5})
    answer = request_json(port, "GET", f"/api/v1/query_range?{asked}")
    return [each["metric"] for each in answer["data"]["result"]]


@pytest.mark.parametrize(("query", "legend"), QUERIES)
def test_prometheus_answers_a_panel(port: int, query: str, legend: str) -> None:
    series = answered(port, query)
    assert series
    named = set(re.findall(r"\{\{(\w+)\}\}", legend))
    assert [labels for labels in series if not named <= set(labels)] == []
    # Two series of one panel's query are told apart by their legend.
    assert len({tuple(labels.get(name) for name in sorted(named)) for labels in series}) == len(series)


def test_prometheus_evaluates_every_rule(port: int) -> None:
    states = evaluated(port)
    assert set(states) == {rule.get("record") or rule["alert"] for rule in rules()}
    assert {name: state for name, state in states.items() if state != ("ok", "")} == {}


def test_the_rules_do_what_their_tests_say() -> None:
    done = subprocess.run(
        ["promtool", "test", "rules", str(RULES_TEST)], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_is_one_that_prometheus_takes() -> None:
    argv = ["promtool", "check", "config", "--syntax-only", str(PROMETHEUS / "prometheus.yml")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_test() -> None:
    told = RULES_TEST.read_text()
    assert [name for rule in rules() if (name := rule.get("record") or rule["alert"]) not in told] == []
    assert json.dumps(yaml.safe_load(told))  # and is one document
