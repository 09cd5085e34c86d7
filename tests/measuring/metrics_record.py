"""What Prometheus would have stored of a stack that runs: `python -m tests.measuring.metrics_record FILE`.

Scrapes the pages of `.local/stack.env`, and RabbitMQ's where `--rabbitmq` names it, under the jobs and instances of
`deploy/prometheus/prometheus.yml`, and keeps what dashboards and rules ask for, as OpenMetrics with times in seconds
since the start of the record, which `promtool tsdb create-blocks-from openmetrics` takes, compressed by gzip.
"""

import argparse
import gzip
import re
import time
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from deploy.grafana.tables import DASHBOARDS
from deploy.local.addresses import from_env_file

REPOSITORY = Path(__file__).parents[2]
PROMETHEUS = REPOSITORY / "deploy/prometheus"
RECORD = REPOSITORY / "tests/data/metrics/run.openmetrics.gz"
METRIC = re.compile(r"\b(?:(?:truscore|process|rabbitmq)_[a-z_]+|up)\b(?!:)")
JOBS = {
    "monitor": "truscore",
    "experiment-tracker": "truscore",
    "hyperparameter-search": "truscore",
    "studio": "truscore",
    "dataset-validator": "truscore-workers",
    "trainer": "truscore-workers",
    "exporter": "truscore-workers",
}
PAGE_TIMEOUT_S = 10.0

Series = dict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[float, float]]]


def rules() -> list[dict[str, str]]:
    """Every rule of Prometheus, those that record before those that alert."""
    files = (yaml.safe_load((PROMETHEUS / name).read_text()) for name in ("recording.yml", "alerts.yml"))
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def queries() -> list[str]:
    """What dashboards and rules ask."""
    panels = [panel for each in DASHBOARDS for _, row in each.rows for panel in row]
    return [query.expr for panel in panels for query in panel.queries] + [rule["expr"] for rule in rules()]


def needed() -> set[str]:
    """Names of metrics that services and broker have to show for it."""
    return {name for query in queries() for name in METRIC.findall(query)}


def openmetrics(series: Series) -> str:
    """All values of a series in the order of their times, as the format asks for."""
    lines = [
        f"{name}{{{_written(labels)}}} {value} {at:.3f}"
        for (name, labels), values in sorted(series.items())
        for at, value in sorted(values)
    ]
    return "\n".join([*lines, "# EOF\n"])


def _written(labels: Iterable[tuple[str, str]]) -> str:
    return ",".join(f'{key}="{value}"' for key, value in labels)


def _scraped(url: str, wanted: set[str], target: dict[str, str]) -> Iterator[tuple[str, dict[str, str], float]]:
    try:
        with urllib.request.urlopen(url, timeout=PAGE_TIMEOUT_S) as answer:
            page = answer.read().decode()
    except OSError:
        yield "up", target, 0.0
        return
    yield "up", target, 1.0
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name in wanted:
                yield sample.name, dict(sample.labels) | target, sample.value


def _targets(variables: dict[str, str], rabbitmq: str) -> Iterator[tuple[str, dict[str, str]]]:
    for service, job in JOBS.items():
        prefix = {"dataset-validator": "VALIDATOR", "experiment-tracker": "TRACKER", "hyperparameter-search": "SEARCH"}
        name = f"TRUSCORE_{prefix.get(service, service.upper())}_METRICS_URL"
        yield variables[name], {"job": job, "instance": f"{service}:9100"}
    if rabbitmq:
        families = "family=queue_coarse_metrics&family=queue_consumer_count"
        yield f"{rabbitmq}/metrics", {"job": "rabbitmq", "instance": "rabbitmq:15692"}
        yield f"{rabbitmq}/metrics/detailed?{families}", {"job": "rabbitmq-queues", "instance": "rabbitmq:15692"}


def record(targets: Iterable[tuple[str, dict[str, str]]], *, seconds: float, every_s: float) -> Series:
    """Scrape until the time is over or somebody presses Ctrl-C."""
    series: Series = {}
    wanted, began, targets = needed(), time.monotonic(), list(targets)
    try:
        while (at := time.monotonic() - began) < seconds:
            for url, target in targets:
                for name, labels, value in _scraped(url, wanted, target):
                    series.setdefault((name, tuple(sorted(labels.items()))), []).append((round(at, 3), value))
            time.sleep(max(0.0, every_s - (time.monotonic() - began - at)))
    except KeyboardInterrupt:
        pass
    return series


def main() -> None:
    """Entry point of the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=RECORD)
    parser.add_argument("--env", type=Path, default=REPOSITORY / ".local/stack.env")
    parser.add_argument("--rabbitmq", default="", help="address of rabbitmq_prometheus, such as http://127.0.0.1:15692")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--every", type=float, default=15.0, help="seconds between scrapes")
    options = parser.parse_args()
    targets = _targets(from_env_file(options.env.read_text()), options.rabbitmq)
    series = record(targets, seconds=options.seconds, every_s=options.every)
    options.file.write_bytes(gzip.compress(openmetrics(series).encode(), mtime=0))


if __name__ == "__main__":
    main()
