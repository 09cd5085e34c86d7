"""Panels of a dashboard as plain values, and the JSON that Grafana reads. Knows nothing of our metrics."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

COLUMNS: Final = 24
SOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
LAST_VALUE: Final = {"reduceOptions": {"calcs": ["lastNotNull"]}}
OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "timeseries": {},
    "table": {},
    "bargauge": {"orientation": "vertical", **LAST_VALUE},
    "stat": {**LAST_VALUE, "colorMode": "value", "graphMode": "none"},
}


@dataclass(frozen=True, slots=True)
class Query:
    """What Prometheus is asked, and how a series of the answer is called (`{{label}}` is its label's value)."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart. `unit` is a name of Grafana's; a panel takes `width` of 24 columns and `height` rows."""

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 7
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Panels in reading order under their rows' headings. `uid` is the end of its address and the name of its file."""

    uid: str
    title: str
    rows: Sequence[tuple[str, Sequence[Panel]]]


def dashboard_json(dashboard: Dashboard) -> dict[str, Any]:
    """What Grafana's provisioning takes."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["truscore"],
        "timezone": "browser",
        "schemaVersion": 41,
        "version": 1,
        "editable": False,
        "refresh": "15s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": []},
        "annotations": {"list": []},
        # From each dashboard to the others, in the same span of time.
        "links": [
            {"type": "dashboards", "title": "TruScore", "tags": ["truscore"], "asDropdown": True, "keepTime": True}
        ],
        "panels": [{"id": number, **each} for number, each in enumerate(_placed(dashboard), start=1)],
    }


def _placed(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    y = 0
    for heading, panels in dashboard.rows:
        yield {"type": "row", "title": heading, "collapsed": False, "gridPos": _place(0, y, COLUMNS, 1), "panels": []}
        x, y, deepest = 0, y + 1, 0
        for panel in panels:
            if x + panel.width > COLUMNS:
                x, y, deepest = 0, y + deepest, 0
            yield _panel(panel, _place(x, y, panel.width, panel.height))
            x, deepest = x + panel.width, max(deepest, panel.height)
        y += deepest


def _panel(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit}
    if panel.logarithmic:
        defaults["custom"] = {"scaleDistribution": {"type": "log", "log": 10}}
    return {
        "type": panel.kind,
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": OPTIONS[panel.kind],
        "targets": [
            {"refId": chr(ord("A") + number), "expr": each.expr, "legendFormat": each.legend, "datasource": SOURCE}
            for number, each in enumerate(panel.queries)
        ],
    }


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}
