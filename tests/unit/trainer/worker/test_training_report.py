"""The report of a run: the JSON, the drawings and the page, from evidence of every kind."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from truscore.datasets import ImageRecord
from truscore.metrics.comparison import Comparison, Interval
from truscore.metrics.detection import ImageDetections, Instance
from truscore.metrics.instance_metrics import InstanceMetrics
from truscore.metrics.multilabel import MultilabelPrediction, multilabel_diagnostics
from truscore.metrics.ordinal import OrdinalPrediction, ordinal_diagnostics
from truscore.metrics.segmentation import count_pixels, segmentation_diagnostics
from truscore.recipes import Recipe, resolve

from services.trainer.journal import EpochDone
from services.trainer.worker.report.properties import Originals, image_properties
from services.trainer.worker.report.resources import ResourceUsage
from services.trainer.worker.report.writer import RunResults, Summary, write_report

MACHINE = ResourceUsage(
    device="cpu (x86_64, 2 cores)", gpu=False, cores=2, busy_cores=1.6, loader_processes=0,
    memory_peak_bytes=2 << 30, memory_total_bytes=16 << 30, half_precision=False,
)  # fmt: skip
# What the report held before it held findings: readers rely on these.
OLD_KEYS = {
    "run_id", "recipe", "class_names", "dataset", "primary_metric", "best_epoch", "weights_sha256", "git_commit",
    "notes",
    "validation", "validation_loss", "test", "epochs",
}  # fmt: skip
NEW_KEYS = {"convergence", "performance", "resources", "errors", "folds", "drawings", "comparison"}


COMPARISON = Comparison(
    fit_for_use=False, reason="edge_error_px is 2.5, not better than <b>trivial", purpose_metrics=("edge_error_px",),
    trivial_metrics={"average_border": {"edge_error_px": 2.25}},
    intervals={"edge_error_px": Interval(lower=2.0, upper=3.125)}, groups=12, resamples=500,
)  # fmt: skip


class Pictures:
    """Twelve even images, one darker than the other."""

    def __init__(self, count: int = 12) -> None:
        self.records = tuple(
            ImageRecord(path=f"{number}.png", sha256="", size_bytes=1, width=40, height=30) for number in range(count)
        )

    def original(self, index: int) -> np.ndarray:
        noise = np.random.default_rng(index).integers(0, 40, (30, 40, 3))
        return (noise + 200 - 15 * index).astype(np.uint8)


def history(count: int = 8) -> tuple[EpochDone, ...]:
    return tuple(
        EpochDone(
            epoch=epoch, total_epochs=count, train_loss=1 / epoch, val_loss=1.2 / epoch, learning_rate=1e-3 / epoch,
            metrics={"box_AP": 1 - 1 / epoch}, duration_s=3.0, images_per_second=20.0, eta_s=0.0, is_best=True,
            loading_s=1.0, validating_s=0.5,
        )
        for epoch in range(1, count + 1)
    )  # fmt: skip


def chosen_by_ap(overrides: Mapping[str, Any]) -> Recipe:
    return replace(resolve("border_detection", "dual_class", "", overrides), primary_metric="box_AP")


def summary(**more: Any) -> Summary:
    whole = Summary(
        run_id="run-1", recipe=chosen_by_ap({}), class_names=("<b>outer", "inner"),
        dataset_digest="d" * 64, images={"training": 30, "validation": 12, "test": 0}, best_epoch=8,
        weights_sha256="w" * 64, notes={"mixed_precision": "float32"}, history=history(), usage=MACHINE, saving_s=1.5,
    )  # fmt: skip
    return replace(whole, **more)


def findings(details: Mapping[str, Any]) -> RunResults:
    images = Pictures()
    return RunResults(
        validation={"box_AP": 0.875, "edge_error_px": 2.5},
        validation_loss=0.15,
        test={"box_AP": 0.8},
        details=details,
        comparison=COMPARISON,
        evaluated=[record.path for record in images.records],
        properties=image_properties(images),
    )


def grade_details() -> dict[str, Any]:
    graded = [
        OrdinalPrediction(image=n, target=n % 3, prediction=min(2, n % 4), probabilities=(0.2, 0.3, 0.5))
        for n in range(12)
    ]
    return ordinal_diagnostics(graded, (8.0, 9.0, 10.0), ("PSA 8", "PSA 9", "PSA $10")).to_plain()


def border_details() -> dict[str, Any]:
    measures = InstanceMetrics(class_names=("<b>outer", "inner"), records=Pictures().records, of_borders=True)
    image_results = [
        ImageDetections(
            image=n, height=30, width=40,
            target=(Instance(label=1, box_xywh=(2, 2, 30, 20)),),
            prediction=(Instance(label=1 + n % 2, box_xywh=(3, 2, 30, 20), score=0.9),),
        )
        for n in range(12)
    ]  # fmt: skip
    return dict(measures.details(image_results, measures.diagnostics(image_results)))


def label_details() -> dict[str, Any]:
    rows = [MultilabelPrediction(image=n, target=(n % 2 == 0, n > 6), probabilities=(n / 12, 0.4)) for n in range(12)]
    return multilabel_diagnostics(rows, ("scratch", "dent")).to_plain()


def mask_details() -> dict[str, Any]:
    target_HW = np.zeros((20, 20), dtype=np.uint8)
    target_HW[2:5, 2:9] = 1
    images = [count_pixels(n, target_HW, np.roll(target_HW, n, axis=1), classes=2) for n in range(12)]
    return segmentation_diagnostics(images, ("wear",)).to_plain()


@pytest.mark.parametrize("details", [grade_details, border_details, label_details, mask_details, dict])
def test_whatever_the_task_leaves_there_is_a_whole_report(details: Any, tmp_path: Path) -> None:
    path = write_report(tmp_path, summary(), findings(details()))
    report = json.loads(path.read_text())
    assert path.name == "report.json"
    assert report.keys() >= OLD_KEYS | NEW_KEYS
    assert "page" not in report["notes"], report["notes"]
    for drawing in report["drawings"]:
        ElementTree.parse(tmp_path / drawing["file"])
    page = (tmp_path / "report.html").read_text()
    assert "still improving" in page
    assert len(re.findall("data:image/svg", page)) == len(report["drawings"]) >= 2


def test_the_page_asks_for_nothing_from_elsewhere_and_runs_nothing(tmp_path: Path) -> None:
    write_report(tmp_path, summary(), findings(border_details()))
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert "<b>outer" not in page
    assert "&lt;b&gt;outer" in page
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert "default-src 'none'" in page


def test_the_same_findings_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        write_report(tmp_path / name, summary(), findings(grade_details()))
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert {"report.json", "report.html", "losses.svg", "scores.svg", "matrix-1.svg", "reliability-1.svg"} <= {*files}
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes(), file


def test_a_picture_that_can_not_be_drawn_costs_no_report(tmp_path: Path) -> None:
    def broken(report: Mapping[str, Any], folder: Path) -> list[Any]:
        raise OSError("no room")

    report = json.loads(write_report(tmp_path, summary(), findings({}), draw=broken).read_text())
    assert report["validation"] == {"box_AP": 0.875, "edge_error_px": 2.5}
    assert report["notes"]["page"] == "could not be made: OSError('no room')"


def test_pictures_of_the_task_are_on_the_page(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), (200, 30, 30)).save(tmp_path / "validation-01.png")
    picture = {"file": "validation-01.png", "image": "3.png", "error": 1.0, "text": "PSA 8, found PSA 10"}
    path = write_report(tmp_path, summary(), findings({**grade_details(), "pictures": [picture]}))
    page = (tmp_path / "report.html").read_text()
    assert "data:image/jpeg" in page
    assert "PSA 8, found PSA 10" in page
    by_path = {one["image"]: one["picture"] for one in json.loads(path.read_text())["errors"]["worst"]}
    assert by_path["3.png"] == "validation-01.png"


def test_folds_of_a_cross_validation_have_their_place(tmp_path: Path) -> None:
    folds = ({"fold": 1, "metrics": {"box_AP": 0.81}}, {"fold": 2, "metrics": {"box_AP": 0.83}})
    report = json.loads(write_report(tmp_path, summary(folds=folds), findings({})).read_text())
    assert report["folds"] == [dict(fold) for fold in folds]
    assert "Folds of the cross-validation" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("saving", "metrics", "output"),
    [
        ("best", {"box_AP": 0.5}, "best epoch, by box AP"),
        ("best", {}, "best epoch, by validation loss"),
        ("latest", {"box_AP": 0.5}, "the last epoch"),
    ],
)
def test_the_page_says_by_what_the_epoch_was_chosen(
    saving: str, metrics: Mapping[str, float], output: str, tmp_path: Path
) -> None:
    process = {"hyperparameters": {"training_process": {"checkpoint_saving": saving}}}
    recipe = chosen_by_ap(process)
    epochs = tuple(replace(done, metrics=metrics) for done in history())
    write_report(tmp_path, summary(recipe=recipe, history=epochs), findings({}))
    assert output in (tmp_path / "report.html").read_text()


def test_a_run_without_an_epoch_has_a_report_too(tmp_path: Path) -> None:
    report = json.loads(write_report(tmp_path, summary(history=(), best_epoch=0), findings({})).read_text())
    assert report["convergence"]["verdict"] == "too_short"
    assert "page" not in report["notes"], report["notes"]


def test_what_images_are_like_is_measured_on_the_images() -> None:
    images = Pictures()
    assert isinstance(images, Originals)
    looked_at = image_properties(images)
    brightness = [looked_at[index].brightness for index in range(12)]
    assert brightness == sorted(brightness, reverse=True)
    assert sorted(image_properties(images, most=3)) == [0, 6, 11]
    assert image_properties(Pictures(0)) == {}


def test_a_model_that_is_not_fit_for_use_says_so_before_what_would_help_its_training(tmp_path: Path) -> None:
    path = write_report(tmp_path, summary(), findings({}))
    report = json.loads(path.read_text())
    assert report["comparison"]["trivial_metrics"] == {"average_border": {"edge_error_px": 2.25}}
    assert report["convergence"]["advice"].startswith(f"it is not fit for use ({COMPARISON.reason}): ")
    page = (tmp_path / "report.html").read_text()
    assert "not better than &lt;b&gt;trivial" in page
    assert "2 to 3.125" in page
    assert "<td>2.25</td>" in page
