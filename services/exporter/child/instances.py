"""Models that find instances: torchvision's Mask R-CNN and its kin with masks, detectors of any make without.

C channels, H height, W width of a picture; N detections; M side of a mask before it is pasted.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.transform import resize_boxes
from truscore.zoo.detection.border_lines.centring import centring
from truscore.zoo.detection.border_lines.refining import refine, with_coarse
from truscore.zoo.detection.border_lines.stage import BorderLines
from truscore.zoo.framing import Framed

from services.exporter.child.detections import detections_from
from services.exporter.child.export_target import Answers, ExportTarget, Picture, UnsupportedNetwork
from services.exporter.child.parity import check_parity, compare
from services.exporter.child.paste import paste
from services.exporter.child.static.instances import of_lines, static_graph_of
from services.exporter.release import Parity, Signature
from services.exporter.signature import box_signature, instance_signature, with_lines


class PictureMasks(nn.Module):
    """Takes image_CHW from 0 to 1, gives boxes_N4, labels_N, scores_N, masks_N1HW in pixels of that image, and of a
    second stage LINES and CENTRING."""

    def __init__(self, detector: GeneralizedRCNN, *, centred: bool) -> None:
        super().__init__()
        self.detector = detector
        self.centred = centred
        self.stage: BorderLines | None = getattr(detector, "border_lines", None)

    def forward(self, image_CHW: Tensor) -> tuple[Tensor, ...]:
        height, width = image_CHW.shape[-2:]
        batch, _ = self.detector.transform([image_CHW])
        levels = self.detector.backbone(batch.tensors)
        proposals, _ = self.detector.rpn(batch, levels)
        (outputs,), _ = self.detector.roi_heads(levels, proposals, batch.image_sizes)
        boxes_N4 = resize_boxes(outputs["boxes"], batch.image_sizes[0], (height, width))
        masks_N1HW = paste(outputs["masks"], boxes_N4, height, width)
        answers = (boxes_N4, outputs["labels"], outputs["scores"], masks_N1HW)
        if self.stage is None:
            return answers
        placed = {**outputs, "boxes": boxes_N4}
        with_coarse([placed], [outputs["masks"]])
        return answers + of_lines(placed | refine(self.stage, image_CHW, placed), centred=self.centred)


class PictureBoxes(nn.Module):
    """Takes image_CHW from 0 to 1, gives boxes_N4, labels_N, scores_N in pixels of that image, and of a second stage
    LINES and CENTRING."""

    def __init__(self, detector: nn.Module, *, centred: bool) -> None:
        super().__init__()
        self.detector = detector
        self.centred = centred

    def forward(self, image_CHW: Tensor) -> tuple[Tensor, ...]:
        (outputs,) = self.detector([image_CHW])
        answers = (outputs["boxes"], outputs["labels"], outputs["scores"])
        return answers + of_lines(outputs, centred=self.centred) if "corners" in outputs else answers


def with_masks(model: nn.Module, class_names: Sequence[str]) -> ExportTarget:
    if not isinstance(model, GeneralizedRCNN):
        raise UnsupportedNetwork(
            f"{type(model).__name__} finds no instances with masks; accepted: Mask R-CNN of torchvision"
        )
    return _export_target(model, PictureMasks(model, centred=len(class_names) == 2), instance_signature(class_names))


def with_boxes(model: nn.Module, class_names: Sequence[str]) -> ExportTarget:
    if isinstance(model, Framed):
        raise UnsupportedNetwork(
            f"{type(model).__name__} finds no boxes; accepted: what takes a list of images (RetinaNet, YOLO)"
        )
    return _export_target(model, PictureBoxes(model, centred=len(class_names) == 2), box_signature(class_names))


def _export_target(detector: nn.Module, graph: nn.Module, signature: Signature) -> ExportTarget:
    if getattr(detector, "border_lines", None) is not None:
        signature = with_lines(signature)
    names = [tensor.name for tensor in signature.outputs]

    def run_eager(image_CHW: Picture) -> Answers:
        """Through the model's own forward, which the graph is not always made of."""
        with torch.no_grad():
            outputs: dict[str, Tensor] = detector([torch.from_numpy(image_CHW)])[0]
            if "centring" in names:
                outputs["centring"], outputs["centring_deviation"] = centring(outputs)
        return {name: outputs[name].numpy() for name in names}

    centred = "centring" in names
    static, whole = (static_graph_of(detector, centred=centred, all_rows=rows) for rows in (False, True))
    return ExportTarget(
        signature=signature,
        graph=graph.eval(),
        run_eager=run_eager,
        check_parity=check_detections,
        static_graph=None if static is None else static.eval(),
        whole_graph=None if whole is None else whole.eval(),
    )


def check_detections(pairs: Iterable[tuple[Answers, Answers]], *, precision: str = "float") -> Parity:
    """The verdict over pairs of answers, the checkpoint's first."""
    return check_parity(
        (
            compare(detections_from(reference), detections_from(candidate), precision=precision)
            for reference, candidate in pairs
        ),
        precision=precision,
    )
