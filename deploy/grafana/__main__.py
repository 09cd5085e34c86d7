"""Writes `deploy/grafana/dashboards/`: a file for each dashboard, named by its uid."""

import json
from pathlib import Path

from deploy.grafana.panels import dashboard_json
from deploy.grafana.tables import DASHBOARDS

FOLDER = Path(__file__).parent / "dashboards"


def written() -> dict[str, str]:
    """Contents by file name."""
    return {f"{each.uid}.json": json.dumps(dashboard_json(each), indent=1) + "\n" for each in DASHBOARDS}


if __name__ == "__main__":
    for name, text in written().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
