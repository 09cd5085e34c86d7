"""Networks of reflectance learn what no fit knows of a surface, and train to the same weights again."""

import json
from pathlib import Path

import pytest
from PIL import Image
from truscore.synthesis.lit import render_lit_dataset

from services.trainer.worker.run_dir import RunDir, read_job
from services.trainer.worker.tasks.make import sample_count
from tests.learning.lit_runs import assert_answers_as_reported, assert_same_when_stopped, lay_out_lit
from tests.learning.run_folder import RunFolder

pytestmark = pytest.mark.learning

OBJECTS, LIGHTS, EPOCHS = 14, 8, 10
OPTION = "reflectance_analysis"
ARCHITECTURES = ("reflectance_net", "brdf_estimation")
FITS = {"least_squares", "black_level_cauchy", "ggx_fit"}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lit")
    return render_lit_dataset(folder, count=OBJECTS, option="card", seed=4, lights=LIGHTS, image_size=(32, 32))


def laid_out(folder: Path, objects: Path, architecture: str, *, epochs: int) -> RunFolder:
    return lay_out_lit(folder, objects, OPTION, architecture, epochs=epochs)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def learned(request: pytest.FixtureRequest, objects: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = laid_out(tmp_path_factory.mktemp("learned") / "run", objects, request.param, epochs=EPOCHS)
    assert run.finish() == 0, run.records[-1]
    return run


def test_it_relights_and_knows_albedo_better_than_fits_that_learn_nothing(learned: RunFolder) -> None:
    comparison = learned.completed.comparison
    assert comparison is not None
    assert set(comparison.trivial_metrics) == FITS
    lambert = comparison.trivial_metrics["least_squares"]
    best = min(metrics["albedo_error"] for metrics in comparison.trivial_metrics.values())
    assert learned.completed.metrics["relighting_PSNR_dB"] > lambert["relighting_PSNR_dB"] + 3
    assert learned.completed.metrics["albedo_error"] < 0.9 * best


def test_the_report_shows_maps_and_an_object_relit_beside_its_photograph(learned: RunFolder) -> None:
    job = read_job(RunDir(path=learned.path))
    assert len(job.training) == LIGHTS * sample_count(job)
    report = json.loads((learned.path / learned.completed.report).read_text())
    assert report["validation"] == dict(learned.completed.metrics)
    assert len(report["image_errors"]) == len(job.validation) // LIGHTS == len(report["pictures"])
    assert [row["class"] for row in report["by_class"]] == [f"{LIGHTS - LIGHTS // 4} lights"]
    with Image.open(learned.path / "report" / report["pictures"][0]["file"]) as image:
        assert image.size == (800, 400)


def test_the_checkpoint_answers_as_the_run_reported(learned: RunFolder) -> None:
    assert_answers_as_reported(learned, within=1e-2)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_stopped_on_the_way_and_ordered_again_it_comes_to_the_same_weights(
    architecture: str, objects: Path, tmp_path: Path
) -> None:
    alone, stopped = (laid_out(tmp_path / name, objects, architecture, epochs=2) for name in ("alone", "stopped"))
    assert_same_when_stopped(alone, stopped)
