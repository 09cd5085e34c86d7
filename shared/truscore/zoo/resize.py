"""Resizing inside the detector: antialiased, and written so that every exporter can carry it.

Legend: C channels, H and W of the input, h and w of the output.
"""

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.detection.transform import GeneralizedRCNNTransform, resize_boxes


def network_size(height: int, width: int, *, image_size: int) -> tuple[int, int]:
    """Height and width the network sees: the longer side becomes ``image_size``, the other keeps the shape."""
    scale = image_size / max(height, width)
    return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))


def resize_antialiased(image_CHW: Tensor, height: int, width: int) -> Tensor:
    """Bilinear with the triangle widened to the scale, equal to ``F.interpolate(..., antialias=True)``.

    Two matrix products instead of that call: ONNX has no symbol for it. Without antialiasing a 2300 px scan brought
    to 160 px keeps one pixel of fourteen, and a border of a few pixels goes missing.
    """
    # Separable: [h, H] @ [C, H, W] @ [W, w], which takes h H W + h W w products a channel.
    rows_hH = _triangle(image_CHW.shape[-2], height, image_CHW)
    columns_wW = _triangle(image_CHW.shape[-1], width, image_CHW)
    return rows_hH @ image_CHW @ columns_wW.transpose(0, 1)


def doubled(map_Chw: Tensor) -> Tensor:
    """[..., 2h, 2w], bilinear: ``resize_antialiased`` to twice the size, by sums of neighbours. A product with a matrix
    of nearly all zeros takes about as long as the decoder that drew the map."""
    return _doubled_columns(_doubled_columns(map_Chw.transpose(-1, -2)).transpose(-1, -2))


def _doubled_columns(map_Chw: Tensor) -> Tensor:
    # Pixels of the output lie a quarter of a pixel to the left and right of those of the input; at the margin there is
    # but the pixel itself.
    before_Chw = torch.cat((map_Chw[..., :1], map_Chw[..., :-1]), dim=-1)
    after_Chw = torch.cat((map_Chw[..., 1:], map_Chw[..., -1:]), dim=-1)
    near_Chw = 0.75 * map_Chw
    return torch.stack((near_Chw + 0.25 * before_Chw, near_Chw + 0.25 * after_Chw), dim=-1).flatten(-2)


def _triangle(size_in: int, size_out: int, like: Tensor) -> Tensor:
    scale = torch.as_tensor(size_in, dtype=like.dtype, device=like.device) / size_out
    # Pixel centres at half places, in pixels of the input (align_corners=False).
    centres_out = (torch.arange(size_out, dtype=like.dtype, device=like.device) + 0.5) * scale
    centres_in = torch.arange(size_in, dtype=like.dtype, device=like.device) + 0.5
    # In widths of the triangle: one input pixel when enlarging, ``scale`` of them when reducing.
    distance = (centres_in[None, :] - centres_out[:, None]).abs() / scale.clamp(min=1.0)
    weights = (1.0 - distance).clamp(min=0.0)
    return weights / weights.sum(dim=1, keepdim=True)


class AntialiasedTransform(GeneralizedRCNNTransform):  # type: ignore[misc]
    """Torchvision's detection transform with ``resize_antialiased`` and the longer side at ``max_size``."""

    def resize(
        self, image_CHW: Tensor, target: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, dict[str, Tensor] | None]:
        if torchvision._is_tracing():
            return resize_antialiased(image_CHW, *traced_size(image_CHW, self.max_size)), target
        old = (image_CHW.shape[-2], image_CHW.shape[-1])
        new = network_size(*old, image_size=self.max_size)
        if old == new:
            return image_CHW, target
        resized = resize_antialiased(image_CHW, *new)
        return resized, None if target is None else _resize_target(target, old, new)


def traced_size(image_CHW: Tensor, image_size: int) -> tuple[int, int]:
    # Under tracing sizes are tensors: the same arithmetic has to stay in the graph for images of any size. Tensors of
    # one element, not scalars: with those the exporter computes in float32, and a size on a half comes out a pixel off.
    shape_2 = torch._shape_as_tensor(image_CHW)[-2:].to(torch.float64)
    wanted_1, half_1 = (torch.tensor([value], dtype=torch.float64) for value in (float(image_size), 0.5))
    scaled_2 = shape_2 * torch.div(wanted_1, shape_2.amax(0, keepdim=True))
    scaled = torch.floor(scaled_2 + half_1).clamp(min=1).to(torch.int64)
    return scaled[0], scaled[1]  # type: ignore[return-value]


def _resize_target(target: dict[str, Tensor], old: tuple[int, int], new: tuple[int, int]) -> dict[str, Tensor]:
    resized = dict(target, boxes=resize_boxes(target["boxes"], old, new))
    if "masks" in target:
        # Nearest: masks stay 0 and 1. Targets are not traced, so the plain call will do.
        masks_NHW = nn.functional.interpolate(target["masks"][:, None].float(), size=new, mode="nearest")[:, 0]
        resized["masks"] = masks_NHW.to(target["masks"].dtype)
    return resized
