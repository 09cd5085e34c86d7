"""A program for phones says in ExecuTorch's own runtime what its network says."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from services.exporter.child.convert import conversion_context
from services.exporter.child.formats.mobile.format import MOST_SIDE, metadata_of
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.making import make_artifact
from services.exporter.task import Task
from tests.unit.exporter.test_framed_models import SHAPES, picture, tiny

pytestmark = pytest.mark.skipif(find_spec("executorch") is None, reason="the extra 'mobile' is not installed")


def test_it_agrees_on_pictures_of_every_shape_names_its_origin_and_refuses_larger_ones(tmp_path: Path) -> None:
    target = tiny("ordinal_classification")
    shapes = [shape for shape in SHAPES if min(shape) >= 8]
    task = Task(
        checkpoint="",
        formats=("mobile",),
        pictures=(),
        benchmark_rounds=1,
        output_folder=str(tmp_path),
        provenance={"run_id": "run-1"},
    )
    artifact = make_artifact(FORMATS["mobile"], conversion_context(target, [picture(*shape) for shape in shapes], task))
    path = tmp_path / artifact.file_name
    assert artifact.parity.passed
    assert artifact.parity.images == len(shapes)
    assert max(artifact.parity.max_abs_difference.values()) < 1e-5
    assert artifact.notes["runtime"].startswith("executorch")
    assert metadata_of(path)["run_id"] == "run-1"
    run = FORMATS["mobile"].load(path, target.signature)
    with pytest.raises(RuntimeError):
        run(np.zeros((3, 8, MOST_SIDE + 1), np.float32))
