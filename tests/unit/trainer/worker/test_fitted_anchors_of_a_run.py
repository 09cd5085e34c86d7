"""A run's detector of defects begins with the ratios of its own training boxes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from truscore.recipes import resolve
from truscore.synthesis import render_dataset
from truscore.zoo import build_model
from truscore.zoo.detection.anchors import FittedAnchors, fitted_ratios

from services.trainer.worker.run_dir import RunDir, read_job
from services.trainer.worker.tasks.instance_segmentation import box_ratios
from services.trainer.worker.tasks.make import prepare
from tests.learning.run_folder import TINY, lay_out


def test_a_network_is_prepared_with_the_ratios_of_the_training_boxes(tmp_path: Path) -> None:
    cards = render_dataset(tmp_path / "cards", count=8, seed=3, image_size=(96, 96))
    job = read_job(RunDir(path=lay_out(tmp_path / "run", cards, overrides=TINY).path))
    job = replace(job, recipe=resolve("surface_analysis", "defect_detection", "fpn"))
    network = build_model(job.recipe, len(job.class_names))
    prepare(network, job)
    (anchors,) = [module for module in network.modules() if isinstance(module, FittedAnchors)]
    wanted_Q = fitted_ratios(box_ratios(job.training, turned=True), 5)
    assert not np.allclose(wanted_Q, [0.25, 0.5, 1.0, 2.0, 4.0])
    np.testing.assert_allclose(anchors.ratios_Q.numpy(), wanted_Q, rtol=1e-6)
