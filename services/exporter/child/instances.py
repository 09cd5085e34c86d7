"""Models that find instances: torchvision's Mask R-CNN and its kin with masks, detectors of any make without.

C channels, H height, W width of a picture; N detections; M side of a mask before it is pasted.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.transform import resize_boxes
from truscore.zoo.framing import Framed

from services.exporter.child.detections import detections_from
from services.exporter.child.export_target import Answers, ExportTarget, Picture, UnsupportedNetwork
from services.exporter.child.parity import check_parity, compare
from services.exporter.child.paste import paste
from services.exporter.release import Parity, Signature
from services.exporter.signature import box_signature, instance_signature


class PictureMasks(nn.Module):
    """Takes image_CHW from 0 to 1, gives boxes_N4, labels_N, scores_N, masks_N1HW in pixels of that image."""

    def __init__(self, detector: GeneralizedRCNN) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, image_CHW: Tensor) -> tuple[Tensor, ...]:
        height, width = image_CHW.shape[-2:]
        batch, _ = self.detector.transform([image_CHW])
        levels = self.detector.backbone(batch.tensors)
        proposals, _ = self.detector.rpn(batch, levels)
        (found,), _ = self.detector.roi_heads(levels, proposals, batch.image_sizes)
        boxes_N4 = resize_boxes(found["boxes"], batch.image_sizes[0], (height, width))
        masks_N1HW = paste(found["masks"], boxes_N4, height, width)
        return boxes_N4, found["labels"], found["scores"], masks_N1HW


class PictureBoxes(nn.Module):
    """Takes image_CHW from 0 to 1, gives boxes_N4, labels_N, scores_N in pixels of that image."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, image_CHW: Tensor) -> tuple[Tensor, ...]:
        (found,) = self.detector([image_CHW])
        return found["boxes"], found["labels"], found["scores"]


def with_masks(model: nn.Module, class_names: Sequence[str]) -> ExportTarget:
    if not isinstance(model, GeneralizedRCNN):
        raise UnsupportedNetwork(
            f"{type(model).__name__} finds no instances with masks; accepted: Mask R-CNN of torchvision"
        )
    return _subject(model, PictureMasks(model), instance_signature(class_names))


def with_boxes(model: nn.Module, class_names: Sequence[str]) -> ExportTarget:
    if isinstance(model, Framed):
        raise UnsupportedNetwork(
            f"{type(model).__name__} finds no boxes; accepted: what takes a list of images (RetinaNet, YOLO)"
        )
    return _subject(model, PictureBoxes(model), box_signature(class_names))


def _subject(detector: nn.Module, graph: nn.Module, signature: Signature) -> ExportTarget:
    names = [tensor.name for tensor in signature.outputs]

    def run_eager(image_CHW: Picture) -> Answers:
        """Through the model's own forward, which the graph is not always made of."""
        with torch.no_grad():
            found: Mapping[str, Tensor] = detector([torch.from_numpy(image_CHW)])[0]
        return {name: found[name].numpy() for name in names}

    return ExportTarget(signature=signature, graph=graph.eval(), run_eager=run_eager, check_parity=check_detections)


def check_detections(pairs: Iterable[tuple[Answers, Answers]], *, precision: str = "float") -> Parity:
    """The verdict over pairs of answers, the checkpoint's first."""
    return check_parity(
        (
            compare(detections_from(reference), detections_from(candidate), precision=precision)
            for reference, candidate in pairs
        ),
        precision=precision,
    )
