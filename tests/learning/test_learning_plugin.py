"""An architecture of another package trains as ours do."""

import sys
from pathlib import Path

import pytest
from truscore.zoo import load_checkpoint_model

from tests.learning.run_folder import lay_out
from tests.plugins.installed import EXAMPLE, install
from tests.rendering.labelled import render_graded

pytestmark = pytest.mark.learning


def test_a_plug_in_trains_for_an_epoch_and_its_checkpoint_is_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(install(EXAMPLE, tmp_path / "site")))
    corners = render_graded(tmp_path / "corners", count=20, seed=3, side=32, grades=(1, 5, 10))
    run = lay_out(
        tmp_path / "run",
        corners,
        category="experimental",
        option="corner_whitening",
        overrides={"image_size": 32, "hyperparameters": {"training_process": {"epochs": 1}}},
    )
    try:
        assert run.finish() == 0, run.records[-1]
        assert "quadratic_weighted_kappa" in run.completed.metrics
        network, recipe, class_names = load_checkpoint_model(run.path / run.completed.path)
        assert (recipe.architecture, class_names) == ("whitening_cnn", ("1", "5", "10"))
        assert type(network).__name__ == "OrdinalClassifier"
    finally:
        for module in [name for name in sys.modules if name.split(".")[0] == "example_architecture"]:
            del sys.modules[module]
