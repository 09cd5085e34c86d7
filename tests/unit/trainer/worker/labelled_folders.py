"""Orders over images of which something is said as a whole."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from truscore.datasets import ImageRecord
from truscore.recipes import resolve

from services.trainer.worker.run_dir import TrainingJob

GRADES = ("corner_analysis", "quality_classification", "efficientnet")
SCORES = ("corner_analysis", "sharpness_rating", "custom_cnn")
DAMAGES = ("surface_analysis", "damage_classification", "multi_head_cnn")


def record(folder: Path, name: str, **output: Any) -> ImageRecord:
    """An image of its own, and what is said of it."""
    pixels_HWC = np.random.default_rng(sum(map(ord, name))).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels_HWC).save(folder / name)
    return ImageRecord(path=name, sha256="0" * 64, size_bytes=1, width=40, height=30, **output)


def job_of(
    folder: Path,
    row: tuple[str, str, str],
    records: list[ImageRecord],
    *,
    class_names: tuple[str, ...],
    grades: tuple[float, ...] = (),
    **sections: Any,
) -> TrainingJob:
    """All images are trained on and validated by."""
    job = TrainingJob(
        run_id="run",
        recipe=resolve(*row, {"image_size": 32, **sections}),
        class_names=class_names,
        images=folder,
        pretrained=None,
        training=tuple(records),
        validation=tuple(records),
        test=(),
        dataset_digest="",
    )
    return replace(job, grades=grades)
