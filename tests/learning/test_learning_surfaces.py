"""Networks that make a surface of its views learn normals that no solver finds, and train to the same weights again."""

from pathlib import Path

import pytest
from PIL import Image
from truscore.synthesis.lit import render_lit_dataset

from tests.learning.lit_runs import assert_same_when_stopped, lay_out_lit
from tests.learning.run_folder import RunFolder

pytestmark = pytest.mark.learning

OBJECTS, LIGHTS, EPOCHS, SIDE = 14, 8, 8, 32
ROW = ("surface_normal_estimation", "neural_surface_reconstruction")


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lit")
    return render_lit_dataset(folder, count=OBJECTS, option="card", seed=4, lights=LIGHTS, image_size=(SIDE, SIDE))


def laid_out(folder: Path, objects: Path, *, epochs: int) -> RunFolder:
    return lay_out_lit(folder, objects, *ROW, epochs=epochs, image_size=SIDE, dropout=0.0)


def test_it_beats_the_best_solver_that_learns_nothing(objects: Path, tmp_path: Path) -> None:
    run = laid_out(tmp_path / "run", objects, epochs=EPOCHS)
    assert run.finish() == 0, run.records[-1]
    comparison = run.completed.comparison
    assert comparison is not None
    assert set(comparison.trivial_metrics) == {"flat_surface", "least_squares", "black_level_cauchy"}
    best = min(metrics["mean_error_deg"] for metrics in comparison.trivial_metrics.values())
    assert run.completed.metrics["mean_error_deg"] < 0.9 * best
    with Image.open(run.path / "report" / "validation-01.png") as image:
        assert image.size == (960, 320)  # truth, answer, error


def test_stopped_on_the_way_and_ordered_again_it_comes_to_the_same_weights(objects: Path, tmp_path: Path) -> None:
    alone, stopped = (laid_out(tmp_path / name, objects, epochs=2) for name in ("alone", "stopped"))
    assert_same_when_stopped(alone, stopped)
