"""Instances with boxes alone: what RetinaNet and YOLO are trained on and judged by."""

from collections.abc import Mapping

from torch import Tensor
from truscore.augmentation import Sample
from truscore.datasets import ImageRecord
from truscore.metrics.detection import Judged

from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.instance_segmentation import InstanceSegmentation, instances, splits


class Detection(InstanceSegmentation):
    """The same as with masks, but that none are shown to the network, nor judged."""

    def target(self, sample: Sample) -> dict[str, Tensor]:
        return {"boxes": sample.boxes_N4, "labels": sample.labels_N}

    def judged(self, index: int, found: Mapping[str, Tensor]) -> Judged:
        loaded = self.validation.loaded(index)
        sample = loaded.sample
        height, width = sample.image_CHW.shape[-2:]
        return Judged(
            image=index,
            height=height,
            width=width,
            real=instances(sample.boxes_N4, sample.labels_N, None, crowd_N=loaded.crowd_N),
            found=instances(found["boxes"], found["labels"], None, scores_N=found["scores"]),
        )


def make(job: TrainingJob, judged: tuple[ImageRecord, ...], cache_limit_bytes: int) -> Detection:
    """The task of an order, judged by a part of its images; ``cache_limit_bytes`` may be kept in memory."""
    training, validation = splits(job, judged, cache_limit_bytes)
    return Detection(recipe=job.recipe, class_names=job.class_names, training=training, validation=validation)
