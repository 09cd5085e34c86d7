"""`truscore.zoo.framing` with no size that depends on the picture but its own: for graphs whose shapes are symbols.

`frame` there resizes to a size that it computes and pads the rest; here one matrix of fixed height does both. The
numbers are the same.

Legend: C channels, H and W of the picture, S side of the square, L length of one side.
"""

import torch
from torch import Tensor
from truscore.zoo.framing import GREY


def frame(image_CHW: Tensor, side: int) -> Tensor:
    """[C, S, S]: the longer side scaled to `side`, the rest grey."""
    height, width = image_CHW.shape[-2:]
    inner_h, inner_w = inner_size(height, width, side)
    shown_CSS = placed(image_CHW, inner_h, inner_w, side)
    place_S = torch.arange(side, dtype=torch.float64)
    inside_SS = (place_S < inner_h)[:, None] & (place_S < inner_w)[None]
    return torch.where(inside_SS, shown_CSS, torch.full((), GREY))


def placed(image_CHW: Tensor, inner_h: Tensor, inner_w: Tensor, side: int) -> Tensor:
    """[C, S, S]: the picture scaled to this height and width in the upper left, 0 beyond."""
    height, width = image_CHW.shape[-2:]
    rows_SH = _triangle(_whole(height), inner_h, columns=height, rows=side)
    columns_SW = _triangle(_whole(width), inner_w, columns=width, rows=side)
    return rows_SH @ image_CHW @ columns_SW.transpose(0, 1)


def unframe(map_CSS: Tensor, height: int, width: int) -> Tensor:
    """[C, H, W]: what `frame` was given the room for, scaled back to the picture's own size."""
    side = map_CSS.shape[-1]
    inner_h, inner_w = inner_size(height, width, side)
    rows_HS = _triangle(inner_h, _whole(height), columns=side, rows=height)
    columns_WS = _triangle(inner_w, _whole(width), columns=side, rows=width)
    return rows_HS @ map_CSS @ columns_WS.transpose(0, 1)


def inner_size(height: int, width: int, side: int) -> tuple[Tensor, Tensor]:
    """Height and width of the picture within the square, whole numbers in float64."""
    height_0, width_0 = _whole(height), _whole(width)
    scale_0 = side / torch.maximum(height_0, width_0)
    inner_h, inner_w = (torch.floor(length * scale_0 + 0.5).clamp(min=1) for length in (height_0, width_0))
    return inner_h, inner_w


def _whole(length: int) -> Tensor:
    return torch.full((), length, dtype=torch.float64)


def _triangle(length_in: Tensor, length_out: Tensor, *, columns: int, rows: int) -> Tensor:
    """[rows, columns] weights from the first `length_in` places to the first `length_out`; 0 beyond either."""
    scale = (length_in / length_out).to(torch.float32)
    centres_out = (torch.arange(rows, dtype=torch.float32) + 0.5) * scale
    centres_in = torch.arange(columns, dtype=torch.float32) + 0.5
    distance = (centres_in[None, :] - centres_out[:, None]).abs() / scale.clamp(min=1.0)
    there = (centres_in < length_in.to(torch.float32))[None] & (torch.arange(rows) < length_out)[:, None]
    weights = (1.0 - distance).clamp(min=0.0) * there
    return weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-9)
