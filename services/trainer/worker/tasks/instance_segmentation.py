"""Instances with boxes and masks: what Mask R-CNN and its kin are trained and evaluated on.

Legend: C channels, H, W sides, N instances.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from truscore.augmentation import Sample, policy_for
from truscore.augmentation.copy_paste import can_be_pasted
from truscore.augmentation.options import COPY_PASTE
from truscore.configuration.recipe import LossWeights, Recipe
from truscore.datasets import ImageRecord
from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.detection import ImageDetections, Instance, Lines, run_lengths
from truscore.metrics.instance_metrics import InstanceMetrics
from truscore.metrics.margins import usual_margins
from truscore.zoo.detection.anchors import FittedAnchors
from truscore.zoo.detection.border_lines.refining import has_second_stage
from truscore.zoo.detection.border_lines.stage import BorderLines

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.pixels import job_pixels
from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.border_corners import lines_of, refined
from services.trainer.worker.tasks.instance_images import InstanceImages
from services.trainer.worker.tasks.instance_overlays import write_pictures
from services.trainer.worker.tasks.protocol import BatchEvaluation, Key

PICTURES = 6
# Of an epoch, for the second stage: small sets need many of each border, large ones have them.
EPOCH_STRIPS = 400
MOST_STRIPS = 12  # of a border: three of each side, one of each pass in the mean


@runtime_checkable
class Detector(Protocol):
    """What the zoo's instance segmenters have beside ``forward``."""

    def losses_and_detections(
        self, images: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    images: tuple[Tensor, ...]  # uint8 CHW each
    targets: tuple[dict[str, Tensor], ...]


class InstanceSegmentation:
    """The task of border and defect detection. It satisfies ``Task``."""

    def __init__(
        self, *, recipe: Recipe, class_names: Sequence[str], training: InstanceImages, validation: InstanceImages
    ) -> None:
        self.training = training
        self.validation = validation
        self._class_names = tuple(class_names)
        self._factors = loss_factors(recipe.loss_config.loss_weights)
        self._metrics = InstanceMetrics(
            class_names=self._class_names,
            records=validation.records,
            of_borders=recipe.category == "border_detection",
            training=training.records,
        )
        self._l2_weight = recipe.loss_config.regularization.l2_weight

    def collate(self, samples: Sequence[Sample]) -> Batch:
        # Not stacked: images keep their own shapes, and the network's transform pads them to one.
        return Batch(
            images=tuple(sample.image_CHW for sample in samples),
            targets=tuple(self.target(sample) for sample in samples),
        )

    def target(self, sample: Sample) -> dict[str, Tensor]:
        """The targets that the network is trained on: boxes [N, 4] xyxy, labels [N], masks [N, H, W]."""
        return {"boxes": sample.boxes_N4, "labels": sample.labels_N, "masks": sample.masks, **sample.targets}

    def to_device(self, batch: Batch, device: torch.device) -> Batch:
        return replace(
            batch,
            images=tuple(image.to(device, non_blocking=True) for image in batch.images),
            targets=tuple(
                {name: value.to(device, non_blocking=True) for name, value in target.items()}
                for target in batch.targets
            ),
        )

    def image_count(self, batch: Batch) -> int:
        return len(batch.images)

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        # Unweighted parts, each a mean over the batch's images: the recipe's loss_weights are applied here and nowhere
        # else.
        parts = model(_floats(batch), list(batch.targets))
        weighted = {name: self._factors[name] * part for name, part in parts.items()}
        if self._l2_weight:
            weighted["l2"] = self._l2_weight * squared_norm(model)
        return weighted

    def evaluate(self, model: nn.Module, batch: Batch, keys: Sequence[Key]) -> BatchEvaluation[ImageDetections]:
        if not isinstance(model, Detector):
            raise TypeError(f"{type(model).__name__} can't be evaluated: it gives no losses beside its detections")
        # One pass through the backbone for both: the validation loss costs the heads alone.
        parts, prediction = model.losses_and_detections(_floats(batch), list(batch.targets))
        if (stage := getattr(model, "border_lines", None)) is not None:
            prediction = [
                found | refined(stage, self.validation.original(key.index), image_CHW, found)
                for key, image_CHW, found in zip(keys, batch.images, prediction, strict=True)
            ]
        return BatchEvaluation(
            losses={name: self._factors[name] * part.item() for name, part in parts.items()},
            image_results=[self.evaluated(key.index, of_image) for key, of_image in zip(keys, prediction, strict=True)],
        )

    def metrics(self, image_results: Sequence[ImageDetections]) -> dict[str, float]:
        return self._metrics.metrics(image_results)

    def measure(self, image_results: Sequence[ImageDetections]) -> Measure:
        return self._metrics.measure(image_results)

    def trivial(self, image_results: Sequence[ImageDetections]) -> Mapping[str, Sequence[ImageDetections]]:
        return self._metrics.trivial(image_results)

    def image_of(self, image_result: ImageDetections) -> int:
        return image_result.image

    def report(self, model: nn.Module, image_results: Sequence[ImageDetections], folder: Path) -> Mapping[str, Any]:
        diagnostics = self._metrics.diagnostics(image_results)
        shown = diagnostics.shown(PICTURES)
        pictures = write_pictures(model, self.validation, self._class_names, folder, shown=shown)
        return {"pictures": pictures, **self._metrics.details(image_results, diagnostics)}

    def evaluated(self, index: int, prediction: Mapping[str, Tensor]) -> ImageDetections:
        """An image of the validation split beside what was found on it."""
        loaded = self.validation.loaded(index)
        sample = loaded.sample
        height, width = sample.image_CHW.shape[-2:]
        target = instances(sample.boxes_N4, sample.labels_N, sample.masks > 0, crowd_N=loaded.crowd_N)
        # [N, 1, H, W] probabilities, pasted at the image's size; COCO's evaluation takes masks of 0 and 1.
        masks_NHW = prediction["masks"][:, 0] >= 0.5
        return ImageDetections(
            image=index,
            height=height,
            width=width,
            target=target,
            prediction=instances(
                prediction["boxes"],
                prediction["labels"],
                masks_NHW,
                scores_N=prediction["scores"],
                lines=lines_of(prediction),
            ),
        )


def make(job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int) -> InstanceSegmentation:
    """The task of a job, evaluated on a part of its images; ``cache_limit_bytes`` may be kept in memory."""
    training, validation = splits(job, evaluated, cache_limit_bytes)
    return InstanceSegmentation(
        recipe=job.recipe, class_names=job.class_names, training=training, validation=validation
    )


def prepare(network: nn.Module, job: TrainingJob) -> None:
    """Give a second stage of borders the usual margin of the training cards, for sides that show no line, and anchors
    that are fitted to boxes the ratios of the training boxes."""
    stage = getattr(network, "border_lines", None)
    if isinstance(stage, BorderLines) and (margins_24 := usual_margins(job.training)) is not None:
        stage.margins_24.copy_(torch.from_numpy(margins_24))
    for module in network.modules():
        if isinstance(module, FittedAnchors):
            policy = policy_for(job.recipe.category, job.recipe.option, job.class_names)
            module.fit(box_ratios(job.training, turned=policy.quarter_turns > 0))


def box_ratios(training: Sequence[ImageRecord], *, turned: bool) -> NDArray[np.float64]:
    """[N]: height by width of every box that is trained on; ``turned``: of square images, which are turned by quarters,
    also width by height."""
    ratios = []
    for record in training:
        for annotation in record.annotations:
            _, _, width, height = annotation.box_xywh
            if annotation.crowd or min(width, height) <= 0:
                continue
            ratios.append(height / width)
            if turned and record.width == record.height:
                ratios.append(width / height)
    return np.array(ratios, dtype=np.float64)


def splits(
    job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int
) -> tuple[InstanceImages, InstanceImages]:
    """The images to train on and those to evaluate on. Raises InvalidJob where nothing can be pasted as ordered."""
    if job.recipe.sampling == COPY_PASTE and not any(
        can_be_pasted(annotation) for record in job.training for annotation in record.annotations
    ):
        raise InvalidJob(
            f"sampling {COPY_PASTE!r}: none of the {len(job.training)} training images has an outlined instance; "
            "accepted: polygons or masks, or sampling=whole"
        )
    pixels = job_pixels(job)
    training, validation = (
        InstanceImages(
            part,
            folder=job.images,
            image_size=job.recipe.image_size,
            seed=job.recipe.seed,
            policy=policy_for(job.recipe.category, job.recipe.option, job.class_names, sampling=job.recipe.sampling),
            cache_limit_bytes=cache_limit_bytes // 2,
            pixels=pixels,
            strips=strips_of_a_border(job.training) if has_second_stage(job.recipe) else 0,
            kinds=len(job.class_names),
        )
        for part in (job.training, evaluated)
    )
    return training, validation


def strips_of_a_border(training: Sequence[ImageRecord]) -> int:
    """How many are cut of each border and epoch; at least one."""
    borders = sum(len(record.annotations) for record in training)
    return min(max(round(EPOCH_STRIPS / max(borders, 1)), 1), MOST_STRIPS)


def loss_factors(weights: LossWeights) -> dict[str, float]:
    """Factor of each part of a detector's loss: both stages of Mask R-CNN classify, and both regress boxes. Lines place
    a border's sides, as its box does."""
    return {
        "classification": weights.classification,
        "objectness": weights.classification,
        "box": weights.bbox_regression,
        "proposal_box": weights.bbox_regression,
        "mask": weights.mask_loss,
        "lines": weights.bbox_regression,
    }


def squared_norm(model: nn.Module) -> Tensor:
    """Squared L2 norm of the trained weights, norms and biases left out."""
    # As in the optimizer: what has one dimension is a bias or the scale of a norm, and is not regularised.
    squares = [weight.square().sum() for weight in model.parameters() if weight.requires_grad and weight.dim() > 1]
    return torch.stack(squares).sum()


def _floats(batch: Batch) -> list[Tensor]:
    return [image_CHW.to(torch.float32) / 255 for image_CHW in batch.images]


def instances(
    boxes_N4: Tensor,
    labels_N: Tensor,
    masks_NHW: Tensor | None,
    *,
    scores_N: Tensor | None = None,
    crowd_N: Tensor | None = None,
    lines: Sequence[Lines | None] = (),
) -> tuple[Instance, ...]:
    """Boxes xyxy, labels and masks as instances to evaluate; targets where there are no scores."""
    count = len(labels_N)
    scores = [1.0] * count if scores_N is None else scores_N.tolist()
    crowds = [False] * count if crowd_N is None else crowd_N.tolist()
    masks = None if masks_NHW is None else np.asarray(masks_NHW.cpu().numpy(), dtype=np.bool_)
    return tuple(
        Instance(
            label=int(label),
            # COCO's evaluation takes corner, width and height; networks give two corners.
            box_xywh=(box[0], box[1], box[2] - box[0], box[3] - box[1]),
            mask=None if masks is None else run_lengths(masks[number]),
            score=score,
            crowd=crowd,
            lines_42=lines[number] if lines else None,
        )
        for number, (label, box, score, crowd) in enumerate(
            zip(labels_N.tolist(), boxes_N4.tolist(), scores, crowds, strict=True)
        )
    )
