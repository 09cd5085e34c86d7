"""The task's own metrics of checkpoint and file on labelled images, by the code that evaluated the checkpoint.

Both are given the same pictures: those that the trainer evaluates on, at the size that it evaluates at.

Legend: C channels, H, W sides of a picture, N instances, K classes with "nothing" as class 0.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from truscore.augmentation.loading import sample_of
from truscore.augmentation.pixel_labels import label_map
from truscore.augmentation.samples import Sample
from truscore.catalog.tasks import learns_from
from truscore.datasets import ImageRecord, load_image
from truscore.datasets.index.targets import is_usable
from truscore.metrics.depth import ObjectDepth, depth_errors, depth_metrics
from truscore.metrics.detection import ImageDetections, Instance, run_lengths
from truscore.metrics.instance_metrics import InstanceMetrics
from truscore.metrics.multilabel import MultilabelPrediction, multilabel_metrics
from truscore.metrics.normals import ObjectNormals, angular_errors, object_metrics
from truscore.metrics.ordinal import OrdinalPrediction, ordinal_metrics
from truscore.metrics.reflectance import ObjectReflectance
from truscore.metrics.reflectance import object_metrics as reflectance_metrics
from truscore.metrics.regression import RegressionPrediction, regression_metrics
from truscore.metrics.segmentation import count_pixels, segmentation_metrics
from truscore.zoo.resize import network_size, resize_antialiased

from services.exporter.child.decoded import Decoded
from services.exporter.child.export_target import Answers, Picture
from services.exporter.child.lit_examples import LitExample
from services.exporter.child.lit_relighting import reflectance_of

MASK_SIDE_PX = 1024  # masks of pixels are evaluated at most at this side, as the trainer does
MOST_KEPT_BYTES = 256 << 20  # of decoded images of a split, for the model that is evaluated next


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """Labelled images of one split, and what is needed to evaluate answers on them. `training` are the records that the
    model learnt from: a border that is not found counts by their average. `objects` are what views show, in the place
    of files. `at_native_size` has masks answered for at the picture's own size, as networks of windows see it, and only
    evaluated at most at `MASK_SIDE_PX`."""

    split: str
    task: str
    records: tuple[ImageRecord, ...]
    files: tuple[Path, ...]
    class_names: tuple[str, ...]
    grades: tuple[float, ...] = ()
    image_size: int = MASK_SIDE_PX
    at_native_size: bool = False
    of_borders: bool = False
    training: tuple[ImageRecord, ...] = ()
    objects: tuple[LitExample, ...] = ()
    decoded: Decoded = field(default_factory=lambda: Decoded(MOST_KEPT_BYTES))


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What one model is worth on a split, by metric; and its grades, where grades are what it says."""

    metrics: Mapping[str, float]
    grades: tuple[int, ...] = ()


def usable(task: str, images: Iterable[tuple[ImageRecord, Path]]) -> list[tuple[ImageRecord, Path]]:
    """Those that say what the task learns."""
    return [(record, path) for record, path in images if is_usable(record, learns_from(task))]


def evaluate(run: Callable[[Picture], Answers], labelled: Labelled) -> Evaluation:
    """One pass of the model over the split."""
    return _EVALUATORS[labelled.task](run, labelled)


def _pictures(labelled: Labelled, *, most_px: int | None = None) -> Iterable[tuple[int, ImageRecord, Picture]]:
    for index, (record, path) in enumerate(zip(labelled.records, labelled.files, strict=True)):
        image_HWC = labelled.decoded.get(index, partial(load_image, path), size_bytes=lambda image: image.nbytes)
        image_CHW = torch.from_numpy(image_HWC.copy()).permute(2, 0, 1).float() / 255
        height, width = image_CHW.shape[-2:]
        if most_px is not None and max(height, width) > most_px:
            image_CHW = resize_antialiased(image_CHW, *network_size(height, width, image_size=most_px))
        yield index, record, image_CHW.contiguous().numpy()


def _ordinal(run: Callable[[Picture], Answers], labelled: Labelled) -> Evaluation:
    results = []
    for index, record, picture_CHW in _pictures(labelled):
        answers = run(picture_CHW)
        (label,) = record.labels or ()
        results.append(
            OrdinalPrediction(
                image=index,
                target=label - 1,
                prediction=int(answers["grade_index"]),
                probabilities=tuple(answers["probabilities"].tolist()),
            )
        )
    return Evaluation(
        metrics=ordinal_metrics(results, labelled.grades), grades=tuple(result.prediction for result in results)
    )


def _regression(run: Callable[[Picture], Answers], labelled: Labelled) -> Evaluation:
    results = []
    for index, record, picture_CHW in _pictures(labelled):
        known = dict(record.scores)
        results.append(
            RegressionPrediction(
                image=index,
                target=tuple(known.get(name) for name in labelled.class_names),
                prediction=tuple(run(picture_CHW)["scores"].tolist()),
            )
        )
    return Evaluation(metrics=regression_metrics(results, labelled.class_names))


def _multilabel(run: Callable[[Picture], Answers], labelled: Labelled) -> Evaluation:
    places = range(1, len(labelled.class_names) + 1)
    return Evaluation(
        metrics=multilabel_metrics(
            [
                MultilabelPrediction(
                    image=index,
                    target=tuple(place in (record.labels or ()) for place in places),
                    probabilities=tuple(run(picture_CHW)["probabilities"].tolist()),
                )
                for index, record, picture_CHW in _pictures(labelled)
            ]
        )
    )


def _semantic(run: Callable[[Picture], Answers], labelled: Labelled) -> Evaluation:
    counts = []
    most_px = None if labelled.at_native_size else MASK_SIDE_PX
    for index, record, picture_CHW in _pictures(labelled, most_px=most_px):
        probability_KHW = np.asarray(run(picture_CHW)["probabilities"])
        height, width = probability_KHW.shape[1:]
        if max(height, width) > MASK_SIDE_PX:
            size = network_size(height, width, image_size=MASK_SIDE_PX)
            probability_KHW = resize_antialiased(torch.from_numpy(probability_KHW), *size).numpy()
        prediction_HW = probability_KHW.argmax(axis=0)
        target_HW = label_map(record, *prediction_HW.shape)
        counts.append(count_pixels(index, target_HW, prediction_HW, classes=len(labelled.class_names) + 1))
    return Evaluation(metrics=segmentation_metrics(counts))


def _instances(run: Callable[[Picture], Answers], labelled: Labelled) -> Evaluation:
    results = []
    for index, (record, path) in enumerate(zip(labelled.records, labelled.files, strict=True)):
        sample = labelled.decoded.get(index, partial(_sample, record, path, labelled.image_size), size_bytes=_size_of)
        height, width = sample.image_CHW.shape[-2:]
        answers = run((sample.image_CHW.float() / 255).numpy())
        masked = "masks" in answers
        target_masks = np.asarray(sample.masks.numpy() > 0) if masked else None
        crowds = [annotation.crowd for annotation in record.annotations]
        ones = [1.0] * len(crowds)
        results.append(
            ImageDetections(
                image=index,
                height=height,
                width=width,
                target=_marked(sample.boxes_N4.numpy(), sample.labels_N.numpy(), target_masks, ones, crowds),
                prediction=_marked(
                    answers["boxes"],
                    answers["labels"],
                    np.asarray(answers["masks"][:, 0].astype(np.float32) >= 0.5) if masked else None,
                    answers["scores"].tolist(),
                    [False] * len(answers["scores"]),
                ),
            )
        )
    metrics = InstanceMetrics(
        class_names=labelled.class_names,
        records=labelled.records,
        of_borders=labelled.of_borders,
        training=labelled.training,
    ).metrics(results)
    return Evaluation(metrics=metrics)


def _sample(record: ImageRecord, path: Path, image_size: int) -> Sample:
    return sample_of(record, load_image(path), image_size=image_size)


def _size_of(sample: Sample) -> int:
    return int(sample.image_CHW.nbytes + sample.masks.nbytes)


def _marked(
    boxes_N4: Any, labels_N: Any, masks_NHW: Any, scores: Sequence[float], crowds: Sequence[bool]
) -> tuple[Instance, ...]:
    return tuple(
        Instance(
            label=int(label),
            box_xywh=(float(x1), float(y1), float(x2 - x1), float(y2 - y1)),
            mask=None if masks_NHW is None else run_lengths(masks_NHW[number]),
            score=score,
            crowd=crowd,
        )
        for number, ((x1, y1, x2, y2), label, score, crowd) in enumerate(
            zip(boxes_N4, labels_N, scores, crowds, strict=True)
        )
    )


def _normals(run: Callable[[Picture], Answers], labelled: Labelled) -> Evaluation:
    results = []
    for index, example in enumerate(labelled.objects):
        found_N3 = np.asarray(run(example.fed)["normals"], dtype=np.float64).transpose(1, 2, 0)[example.mask_HW]
        errors_N = angular_errors(found_N3, example.normals_HW3[example.mask_HW]).astype(np.float32)
        lights = len(example.views["present"])
        results.append(ObjectNormals(image=index, name=example.name, lights=lights, errors_N=errors_N))
    return Evaluation(metrics=object_metrics(results))


def _depth(run: Callable[[Picture], Answers], labelled: Labelled) -> Evaluation:
    results = []
    for index, example in enumerate(labelled.objects):
        found_HW = np.asarray(run(example.fed)["depth"], dtype=np.float64)
        errors_N, angles_N = depth_errors(found_HW, example.depth_HW, example.mask_HW, pitch_um=example.pitch_um)
        results.append(
            ObjectDepth(
                image=index,
                name=example.name,
                lights=len(example.views["lights"]),
                errors_N=errors_N.astype(np.float32),
                angles_N=angles_N.astype(np.float32),
                intervals_N=_intervals(found_HW, example),
            )
        )
    return Evaluation(metrics=depth_metrics(results))


def _intervals(found_HW: NDArray[np.float64], example: LitExample) -> NDArray[np.float32]:
    """By how many intervals of its depth range each known pixel is off; none where one camera knows no range."""
    known_HW = example.mask_HW & np.isfinite(example.depth_HW)
    if not example.interval_um:
        return np.zeros(0, dtype=np.float32)
    off_N = np.abs(found_HW - example.depth_HW)[known_HW] / example.interval_um
    return np.asarray(off_N, dtype=np.float32)


def _reflectance(run: Callable[[Picture], Answers], labelled: Labelled) -> Evaluation:
    results = [
        ObjectReflectance(
            image=index,
            name=example.name,
            lights=len(example.views["lights"]),
            figures=reflectance_of(run, example),
        )
        for index, example in enumerate(labelled.objects)
    ]
    return Evaluation(metrics=reflectance_metrics(results))


_EVALUATORS: Mapping[str, Callable[[Callable[[Picture], Answers], Labelled], Evaluation]] = MappingProxyType(
    {
        "ordinal_classification": _ordinal,
        "regression": _regression,
        "multilabel_classification": _multilabel,
        "semantic_segmentation": _semantic,
        "instance_segmentation": _instances,
        "detection": _instances,
        "normal_estimation": _normals,
        "depth_estimation": _depth,
        "reflectance_estimation": _reflectance,
    }
)


def spread_of_targets(labelled: Labelled) -> float:
    """From the least to the largest real score: what a difference of scores is a share of. 1 where there is none."""
    known = [value for record in labelled.records for _, value in record.scores if math.isfinite(value)]
    return max(known) - min(known) or 1.0 if known else 1.0
