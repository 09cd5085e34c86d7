"""Pictures of any size to instances, in shapes that follow from the picture's size and the number of what was found.

C channels, H height, W width of a picture; D rows for detections, N detections; S side of the canvas; M side of a mask.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from truscore.zoo.detection.detectron2 import Detectron2MaskRCNN
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

Network = StaticMaskRCNN | StaticRetinaNet | StaticYolox


class StaticPicture(nn.Module):
    """Takes image_CHW from 0 to 1, gives boxes_N4, labels_N, scores_N and of Mask R-CNN masks_N1HW, in pixels of that
    image: what the traced graph of the same detector gives."""

    def __init__(self, network: Network, transform: GeneralizedRCNNTransform) -> None:
        super().__init__()
        self.network = network
        self.transform = transform

    def forward(self, image_CHW: Tensor) -> tuple[Tensor, ...]:
        height, width = image_CHW.shape[-2:]
        inner_h, inner_w = inner_size(height, width, self.transform.max_size)
        framed_CSS = on_square(self.transform, image_CHW, inner_h, inner_w, self.network.canvas.side)
        found, maps = self.network(framed_CSS, inner_h, inner_w)
        if isinstance(self.network, StaticMaskRCNN) and is_one_by_one():
            return self._of_all_rows(self.network, found, maps, image_CHW)
        boxes_N4, labels_N, scores_N = present(found)
        placed_N4 = boxes_N4 * scale_to(height, width, inner_h, inner_w)
        if not isinstance(self.network, StaticMaskRCNN):
            return placed_N4, labels_N, scores_N
        masks_N1MM = self.network.masks(maps, boxes_N4, labels_N)
        return placed_N4, labels_N, scores_N, paste(masks_N1MM, placed_N4, height, width)

    def _of_all_rows(
        self, network: StaticMaskRCNN, found: PaddedDetections, maps: Sequence[Tensor], image_CHW: Tensor
    ) -> tuple[Tensor, ...]:
        """The same, with masks of every row there may be, of which those that are present are given."""
        height, width = image_CHW.shape[-2:]
        masks_D1MM = network.masks(maps, found.boxes_D4, found.labels_D)
        placed_D4 = found.boxes_D4 * scale_to(height, width, *inner_size(height, width, self.transform.max_size))
        masks_D1HW = paste(masks_D1MM, placed_D4, height, width)
        count = _count(found)
        return placed_D4[:count], found.labels_D[:count], found.scores_D[:count], masks_D1HW[:count]


def static_graph_of(detector: nn.Module) -> StaticPicture | None:
    """None of detectors that nobody has written so: those of plug-ins, those that pool regions with as many samples as
    they have pixels (Detectron2's), and those with a second stage, which looks at as many strips as it finds sides."""
    if isinstance(detector, Detectron2MaskRCNN) or getattr(detector, "border_lines", None) is not None:
        return None
    network: Network
    if isinstance(detector, BorderMaskRCNN):
        network = StaticMaskRCNN(detector, canvas_of(detector.transform))
    elif isinstance(detector, CardRetinaNet):
        network = StaticRetinaNet(detector, canvas_of(detector.transform))
    elif isinstance(detector, CardYolox):
        network = StaticYolox(detector, canvas_of(detector.transform))
    else:
        return None
    return StaticPicture(network, detector.transform)


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
