"""What trainers report is what the studio shows: one run as a dashboard, several beside each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from truscore.storage import MemoryStore

from services.studio.reports.comparison import Compared, compared
from services.studio.reports.dashboard import dashboard_of
from services.trainer.worker.report.writer import write_report
from tests.unit.monitor import event_sequences
from tests.unit.studio.finished_runs import monitor_of
from tests.unit.studio.studio_harness import browser, png
from tests.unit.trainer.worker.test_training_report import (
    border_details,
    findings,
    grade_details,
    label_details,
    mask_details,
    summary,
)

Details = Callable[[], Mapping[str, Any]]
RUN, OTHER = event_sequences.RUN, "run-00000000000000000009"


def report_of(folder: Path, details: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    path = write_report(folder, summary(**more), findings(details), draw=lambda _report, _folder: ())
    read: dict[str, Any] = json.loads(path.read_text())
    return read


@pytest.mark.parametrize(
    ("details", "kinds", "matrices"),
    [
        (grade_details, {"reliability"}, 1),
        (border_details, {"precision_recall"}, 1),
        (label_details, {"precision_recall", "roc", "reliability"}, 0),
        (mask_details, set(), 1),
        (dict, set(), 0),
    ],
)
def test_curves_matrices_and_mistakes_of_each_task_are_shown(
    tmp_path: Path, details: Details, kinds: set[str], matrices: int
) -> None:
    dashboard = dashboard_of(report_of(tmp_path, details()))
    assert {each["kind"] for each in dashboard["diagrams"]} >= kinds
    assert len(dashboard["matrices"]) >= matrices
    for table in dashboard["tables"]:
        assert all(len(row) == len(table["columns"]) for row in table["rows"])
    assert json.dumps(dashboard, allow_nan=False)


def test_metrics_the_model_is_for_come_first_beside_what_needs_no_picture(tmp_path: Path) -> None:
    first, *rest = dashboard_of(report_of(tmp_path, border_details()))["metrics"]
    assert first == {
        "name": "edge_error_px", "purpose": True, "larger_is_better": False, "validation": 2.5, "test": None,
        "lower": 2.0, "upper": 3.125, "trivial": 2.25,
    }  # fmt: skip
    assert [(row["name"], row["test"]) for row in rest] == [("box_AP", 0.8)]


def test_folds_of_a_cross_validation_are_a_table(tmp_path: Path) -> None:
    folds = ({"fold": 1, "metrics": {"box_AP": 0.81}}, {"fold": 2, "metrics": {"box_AP": 0.83}})
    tables = dashboard_of(report_of(tmp_path, {}, folds=folds))["tables"]
    assert {
        "title": "Folds of the cross-validation",
        "columns": ["box_AP", "fold"],
        "rows": [[0.81, 1], [0.83, 2]],
    } in tables


def test_of_compared_runs_only_what_differs_is_a_parameter_and_the_best_is_marked(tmp_path: Path) -> None:
    one, other = report_of(tmp_path, border_details()), report_of(tmp_path, border_details())
    other["recipe"]["seed"] = one["recipe"]["seed"] + 1
    other["validation"] = {"edge_error_px": 1.5}
    board = event_sequences.board_after([event_sequences.started()])
    assert board.find(RUN) is not None
    view = {
        "run_id": RUN, "state": "EXPORTED", "dataset_id": "cards", "dataset_version": "1", "architecture": "yolo",
        "best_epoch": 3, "fit_for_use": None, "epochs": [{"epoch": 1, "metrics": {"box_AP": 0.5}}],
    }  # fmt: skip
    training = Compared(view={**view, "dataset_version": "2"}, configuration={}, report={})
    rows = compared(
        [
            Compared(view=view, configuration=one["recipe"], report=one),
            Compared(view=view, configuration=other["recipe"], report=other),
            training,
        ]
    )
    parameters = {row["name"]: row["values"] for row in rows["parameters"]}
    assert parameters["seed"] == [str(one["recipe"]["seed"]), str(other["recipe"]["seed"]), "—"]
    assert parameters["dataset version"] == ["1", "1", "2"]
    assert "dataset" not in parameters
    edges, ap = rows["metrics"]
    assert (edges["name"], edges["best"]) == ("edge_error_px", [False, True, False])
    assert (ap["name"], ap["best"], ap["cells"][2]) == ("box_AP", [True, False, False], None)
    assert rows["runs"][2]["epochs"][0]["metrics"] == {"box_AP": 0.5}  # of the monitor, while it trains


async def test_reports_are_read_from_the_store_and_mistakes_lead_to_their_images(tmp_path: Path) -> None:
    store = MemoryStore()
    write_report(tmp_path, summary(), findings(grade_details()), draw=lambda _report, _folder: ())
    address = f"s3://truscore/runs/{RUN}/report/"
    store.put(f"{address}report.json", (tmp_path / "report.json").read_bytes())
    store.put(f"{address}validation-01.png", png())
    store.put(f"{address}page.png", b"<script>alert(1)</script>")
    async with (
        monitor_of([event_sequences.started(), event_sequences.started(run_id=OTHER)]) as monitor,
        browser(tmp_path, store=store, monitor_address=monitor) as one,
    ):
        await one.make()
        await one.upload(png(), "3.png")
        (image,) = one.studio.drafts.images("cards")
        report = (await one.http.get(f"/api/runs/{RUN}/report")).json()
        ids = {row["image"]: row["image_id"] for row in report["worst"]}
        assert ids.pop("3.png") == image.image_id
        assert set(ids.values()) == {None}
        picture = await one.http.get(f"/api/runs/{RUN}/report/validation-01.png")
        assert (picture.headers["content-type"], picture.content) == ("image/png", png())
        for name in ("page.png", "report.json", "..%2F..%2Fconfig.png", "validation-02.png"):
            assert (await one.http.get(f"/api/runs/{RUN}/report/{name}")).status_code == 404
        assert (await one.http.get(f"/api/runs/{OTHER}/report")).status_code == 404
        both = (await one.http.get("/api/compare", params={"run": [RUN, OTHER]})).json()
        assert [run["run_id"] for run in both["runs"]] == [RUN, OTHER]
        for runs, status in (
            ([RUN], 400),
            ([RUN] * 5, 400),
            ([f"run-{n:020}" for n in range(21)], 400),
            ([RUN, "x"], 404),
        ):
            assert (await one.http.get("/api/compare", params={"run": runs})).status_code == status
