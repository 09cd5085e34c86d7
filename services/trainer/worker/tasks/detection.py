"""Instances with boxes alone: what RetinaNet and YOLO are trained and evaluated on."""

from collections.abc import Mapping

from torch import Tensor
from truscore.augmentation import Sample
from truscore.datasets import ImageRecord
from truscore.metrics.detection import ImageDetections

from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.border_corners import lines_of
from services.trainer.worker.tasks.instance_segmentation import InstanceSegmentation, instances, splits


class Detection(InstanceSegmentation):
    """The same as with masks, but that none are shown to the network, nor evaluated."""

    def target(self, sample: Sample) -> dict[str, Tensor]:
        return {"boxes": sample.boxes_N4, "labels": sample.labels_N, **sample.targets}

    def evaluated(self, index: int, prediction: Mapping[str, Tensor]) -> ImageDetections:
        loaded = self.validation.loaded(index)
        sample = loaded.sample
        height, width = sample.image_CHW.shape[-2:]
        return ImageDetections(
            image=index,
            height=height,
            width=width,
            target=instances(sample.boxes_N4, sample.labels_N, None, crowd_N=loaded.crowd_N),
            prediction=instances(
                prediction["boxes"],
                prediction["labels"],
                None,
                scores_N=prediction["scores"],
                lines=lines_of(prediction),
            ),
        )


def make(job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int) -> Detection:
    """The task of a job, evaluated on a part of its images; ``cache_limit_bytes`` may be kept in memory."""
    training, validation = splits(job, evaluated, cache_limit_bytes)
    return Detection(recipe=job.recipe, class_names=job.class_names, training=training, validation=validation)
