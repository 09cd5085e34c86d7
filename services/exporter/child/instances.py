"""A model that finds instances, as ONNX and as it is.

C channels, H height, W width of a picture; N detections; M side of a mask before it is pasted.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.transform import resize_boxes

from services.exporter.child.detections import Detections
from services.exporter.child.paste import paste

OUTPUTS = ("boxes", "labels", "scores", "masks")
OPSET = 17


class OnePicture(torch.nn.Module):
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


def write_onnx(detector: GeneralizedRCNN, target: Path, example_CHW: NDArray[np.float32]) -> None:
    detections = {0: "detections"}
    with warnings.catch_warnings(), torch.no_grad():
        # Tracing warns of every Python branch it freezes; what it froze wrongly, the parity check finds.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            OnePicture(detector).eval(),
            (torch.from_numpy(example_CHW),),
            str(target),
            dynamo=False,  # Mask R-CNN's data-dependent shapes are beyond the newer exporter.
            opset_version=OPSET,
            input_names=["image"],
            output_names=list(OUTPUTS),
            dynamic_axes={
                "image": {1: "height", 2: "width"},
                **dict.fromkeys(OUTPUTS[:3], detections),
                "masks": {**detections, 2: "height", 3: "width"},
            },
        )


def detect_eagerly(detector: GeneralizedRCNN, image_CHW: NDArray[np.float32]) -> Detections:
    """What the checkpoint itself says, through torchvision's own forward: the artefact is held against this."""
    with torch.no_grad():
        found: Mapping[str, Tensor] = detector([torch.from_numpy(image_CHW)])[0]
    return detections_from([found[name].numpy() for name in OUTPUTS])


def detections_from(outputs: Sequence[NDArray[np.generic]]) -> Detections:
    boxes_N4, labels_N, scores_N, masks_N1HW = outputs
    return Detections(
        boxes_N4=boxes_N4.astype(np.float32, copy=False),
        labels_N=labels_N.astype(np.int64, copy=False),
        scores_N=scores_N.astype(np.float32, copy=False),
        masks_NHW=masks_N1HW[:, 0].astype(np.float32, copy=False),
    )
