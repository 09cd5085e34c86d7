"""Pictures of any size to instances, in shapes that follow from the picture's size and the number of what was found.

C channels, H height, W width of a picture; D rows for detections, N detections; S side of the canvas; M side of a mask.
"""

import torch
from torch import Tensor, nn
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from truscore.zoo.detection.border_lines.centring import centring
from truscore.zoo.detection.border_lines.refining import refine, refine_all_rows, with_coarse
from truscore.zoo.detection.border_lines.stage import BorderLines
from truscore.zoo.detection.mask_rcnn import BorderMaskRCNN
from truscore.zoo.detection.retinanet import CardRetinaNet
from truscore.zoo.detection.yolox import CardYolox

from services.exporter.child.paste import paste
from services.exporter.child.static.canvas import Canvas
from services.exporter.child.static.dense import StaticRetinaNet, StaticYolox
from services.exporter.child.static.framing import inner_size, placed
from services.exporter.child.static.mask_rcnn import StaticMaskRCNN
from services.exporter.child.static.padded_detections import PaddedDetections
from services.exporter.child.static.suppression import is_one_by_one

LINES = 3  # outputs of the second stage that have a row for each detection
Network = StaticMaskRCNN | StaticRetinaNet | StaticYolox


class StaticPicture(nn.Module):
    """Takes image_CHW from 0 to 1, gives boxes_N4, labels_N, scores_N, of Mask R-CNN masks_N1HW, and of a second stage
    what it places, in pixels of that image: what the traced graph of the same detector gives. With ``all_rows`` it
    gives as many rows as it may find, and those beyond what it found have score 0."""

    def __init__(
        self,
        network: Network,
        transform: GeneralizedRCNNTransform,
        lines: BorderLines | None = None,
        *,
        centred: bool,
        all_rows: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.transform = transform
        self.lines = lines
        self.centred = centred
        self.all_rows = all_rows

    def forward(self, image_CHW: Tensor) -> tuple[Tensor, ...]:
        height, width = image_CHW.shape[-2:]
        inner_h, inner_w = inner_size(height, width, self.transform.max_size)
        framed_CSS = on_square(self.transform, image_CHW, inner_h, inner_w, self.network.canvas.side)
        found, maps = self.network(framed_CSS, inner_h, inner_w)
        # Of all rows there may be, or of those alone that are present.
        one_by_one = is_one_by_one() and (isinstance(self.network, StaticMaskRCNN) or self.lines is not None)
        all_rows = one_by_one or self.all_rows
        boxes_N4, labels_N, scores_N = (found.boxes_D4, found.labels_D, found.scores_D) if all_rows else present(found)
        placed_N4 = boxes_N4 * scale_to(height, width, inner_h, inner_w)
        answers: tuple[Tensor, ...] = (placed_N4, labels_N, scores_N)
        masks_N1MM = None
        if isinstance(self.network, StaticMaskRCNN):
            masks_N1MM = self.network.masks(maps, boxes_N4, labels_N)
            answers = (*answers, paste(masks_N1MM, placed_N4, height, width))
        lines: tuple[Tensor, ...] = ()
        if self.lines is not None:
            place = refine_all_rows if all_rows else refine
            detections = {"boxes": placed_N4, "labels": labels_N, "scores": scores_N}
            with_coarse([detections], [masks_N1MM])
            lines = of_lines(detections | place(self.lines, image_CHW, detections), centred=self.centred)
        if self.all_rows or not all_rows:
            return answers + lines
        count = _count(found)
        return tuple(each[:count] for each in answers) + tuple(each[:count] for each in lines[:LINES]) + lines[LINES:]


def of_lines(outputs: dict[str, Tensor], *, centred: bool) -> tuple[Tensor, ...]:
    """In the order of the signature: LINES of each detection, and of the picture its centring."""
    lines = outputs["corners"], outputs["line_confidence"], outputs["line_deviation"]
    return (*lines, *centring(outputs)) if centred else lines


def static_graph_of(detector: nn.Module, *, centred: bool, all_rows: bool = False) -> StaticPicture | None:
    """None of detectors that nobody has written so, those of plug-ins. ``centred``: whether answers end with the card's
    centring."""
    network: Network
    if isinstance(detector, BorderMaskRCNN):
        network = StaticMaskRCNN(detector, canvas_of(detector.transform))
    elif isinstance(detector, CardRetinaNet):
        network = StaticRetinaNet(detector, canvas_of(detector.transform))
    elif isinstance(detector, CardYolox):
        network = StaticYolox(detector, canvas_of(detector.transform))
    else:
        return None
    lines = getattr(detector, "border_lines", None)
    return StaticPicture(network, detector.transform, lines, centred=centred, all_rows=all_rows)


def canvas_of(transform: GeneralizedRCNNTransform) -> Canvas:
    divisor = transform.size_divisible
    return Canvas(-(-transform.max_size // divisor) * divisor, divisor)


def on_square(
    transform: GeneralizedRCNNTransform, image_CHW: Tensor, inner_h: Tensor, inner_w: Tensor, side: int
) -> Tensor:
    """[C, S, S]: scaled, normalised, and 0 beyond the picture, as the network's own transform pads it."""
    normalised_CSS = transform.normalize(placed(image_CHW, inner_h, inner_w, side))
    place_S = torch.arange(side, dtype=torch.float64)
    inside_SS = (place_S < inner_h)[:, None] & (place_S < inner_w)[None]
    return torch.where(inside_SS, normalised_CSS, torch.zeros(()))


def scale_to(height: int, width: int, inner_h: Tensor, inner_w: Tensor) -> Tensor:
    """[4] from pixels of the canvas to those of the picture."""
    down = torch.full((), height, dtype=torch.float32) / inner_h.to(torch.float32)
    across = torch.full((), width, dtype=torch.float32) / inner_w.to(torch.float32)
    return torch.stack([across, down, across, down])


def present(found: PaddedDetections) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, labels and scores of what was found alone."""
    # Rows are ordered by score: those that are present come first.
    count = _count(found)
    return found.boxes_D4[:count], found.labels_D[:count], found.scores_D[:count]


def _count(found: PaddedDetections) -> int:
    count = found.present_D.sum().item()
    torch._check(count >= 0)
    torch._check(count <= found.present_D.shape[0])
    return int(count) if not torch.compiler.is_exporting() else count  # type: ignore[return-value]
