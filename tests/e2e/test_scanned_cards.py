"""Real datasets through the whole system, by the command that people use: ordered, trained, exported, shown."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.local.servers.programs import REPOSITORY
from tests.e2e.conftest import Stack
from tests.e2e.running import RunningServices

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
WAIT_S = 840
BORDERS, FRUITS = "truscore_card_borders_yolo/combined_dual_class", "fruitsnuts_coco"


def test_real_scans_and_fruits_become_models(stack: Stack, shared_data: Path) -> None:
    """33 scans of real cards reach AP50 0.90 at a coarse setting; 18 photos of fruits and nuts go through as well."""
    ordered = {
        "cards": order(stack.services, shared_data / BORDERS, "dual_class", epochs=6),
        "fruits": order(stack.services, shared_data / FRUITS, "single_class", epochs=2),
    }
    runs = {name: ended(stack.services, dataset) for name, dataset in ordered.items()}
    reached = {
        name: {metric: round(value, 3) for metric, value in run["best_metrics"].items()} for name, run in runs.items()
    }
    print(json.dumps(reached, indent=1))  # noqa: T201  the figures are asked for
    assert runs["cards"]["best_metrics"]["box_AP50"] >= 0.90, reached
    assert runs["cards"]["best_metrics"]["edge_error_px"] < runs["cards"]["best_metrics"]["mask_edge_error_px"], reached
    for name, run in runs.items():
        assert run["state"] == "EXPORTED", name
        assert [(each["format"], each["parity_passed"]) for each in run["artifacts"]] == [("onnx", True)], name
        assert [each["epoch"] for each in run["epochs"]] == list(range(1, run["total_epochs"] + 1)), name


def order(services: RunningServices, folder: Path, option: str, *, epochs: int) -> str:
    """Order a run; the dataset's `id/version`, by which it is watched."""
    config: dict[str, Any] = {"hyperparameters": {"training_process": {"epochs": epochs}}, "seed": 7}
    if option == "single_class":  # fruits have no straight sides
        config["architecture_config"] = {"custom_modifications": {"head_customization": "standard"}}
    name = folder.name.replace("_", "-")
    names = ["--class-name", "outer_border", "--class-name", "graphical_border"] if option == "dual_class" else []
    truscore(
        services,
        [
            *("submit", str(folder), "--category", "border_detection", "--option", option, "--id", name),
            *("--version", "1", "--config", json.dumps(config), "--json", *names),
        ],
        timeout_s=120,
    )
    return f"{name}/1"


def ended(services: RunningServices, dataset: str) -> dict[str, Any]:
    """The run once its model is exported."""
    output = truscore(services, ["watch", dataset, "--json"], timeout_s=WAIT_S)
    last: dict[str, Any] = json.loads(output.splitlines()[-1])
    return json.loads(truscore(services, ["show", last["run_id"], "--json"], timeout_s=60))  # type: ignore[no-any-return]


def truscore(services: RunningServices, arguments: list[str], *, timeout_s: float) -> str:
    """What the command prints; where it fails, with the services' last words."""
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        cwd=REPOSITORY, env=dict(os.environ) | dict(services.variables), capture_output=True, text=True,
        timeout=timeout_s, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}\n{services.tails()}"
    return done.stdout
