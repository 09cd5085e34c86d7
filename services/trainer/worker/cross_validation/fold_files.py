"""A fold's result as a file that is whole or not there; read back with the image results of our tasks only."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from truscore.metrics.boundaries import BoundaryCounts
from truscore.metrics.detection import ImageDetections, Instance
from truscore.metrics.multilabel import MultilabelPrediction
from truscore.metrics.ordinal import OrdinalPrediction
from truscore.metrics.pixel_thresholds import ThresholdCounts
from truscore.metrics.regression import RegressionPrediction
from truscore.metrics.segmentation import DamageRegion, PixelConfusion
from truscore.recipes import recipe_to_json

from services.trainer.worker.checkpoint import WrittenFile, write
from services.trainer.worker.cross_validation.engine import FoldDone, FoldResult
from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks import semantic_segmentation

# Files name the classes of the results: with those a file of another format can't be read, and the fold is trained
# again.
FORMAT = 2
# What image results are made of, and what NumPy's arrays and numbers are put together by.
RESULT_TYPES = (
    Instance,
    ImageDetections,
    OrdinalPrediction,
    MultilabelPrediction,
    RegressionPrediction,
    BoundaryCounts,
    DamageRegion,
    PixelConfusion,
    ThresholdCounts,
    semantic_segmentation.PixelResult,
)
_NUMPY: tuple[Any, ...] = (
    np.ndarray, np.dtype, *(type(np.dtype(name)) for name in ("int32", "int64", "float32", "float64")),
    np.zeros(1).__reduce__()[0], np.float64(0).__reduce__()[0],
)  # fmt: skip


def write_fold(folder: Path, job: TrainingJob, result: FoldResult) -> WrittenFile:
    """Raises OSError."""
    folder.mkdir(exist_ok=True)
    content = {**_names(job), "done": asdict(result.done), "image_results": list(result.image_results)}
    return write(content, _place(folder, result.done.fold))


def read_fold(folder: Path, job: TrainingJob, number: int) -> FoldResult | None:
    """None where there is none, or none of this order that can be read: training the fold again gives the same."""
    try:
        with torch.serialization.safe_globals([*RESULT_TYPES, *_NUMPY]):
            content = torch.load(_place(folder, number), map_location="cpu", weights_only=True)
        if any(content[name] != value for name, value in _names(job).items()):
            return None
        return FoldResult(done=FoldDone(**content["done"]), image_results=tuple(content["image_results"]))
    except Exception:  # noqa: BLE001  damaged bytes have the unpickler raise whatever its parts do
        return None


def _names(job: TrainingJob) -> Mapping[str, Any]:
    return {
        "format": FORMAT,
        "recipe": recipe_to_json(job.recipe),
        "dataset_digest": job.dataset_digest,
        "held_out": [record.path for record in job.validation],
    }


def _place(folder: Path, number: int) -> Path:
    return folder / f"fold-{number:02d}.pt"
