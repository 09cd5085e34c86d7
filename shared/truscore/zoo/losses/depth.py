"""Losses over depths. Legend: B objects, H height, W width, 3 the axes."""

from dataclasses import dataclass

import torch
from torch import Tensor

from truscore.zoo.losses.normals import normal_loss

LOSSES = ("log_depth_and_normals", "log_depth", "depth")
_SMALL_UM = 1.0  # below it an object's mean counts as it is, above it by its logarithm


@dataclass(frozen=True, kw_only=True, slots=True)
class DepthTarget:
    """Depths in steps between pixels, of ``pitch_B`` micrometres, and their normals; ``known_BHW`` is 1 where both are
    known."""

    depth_BHW: Tensor
    normals_BHW3: Tensor
    known_BHW: Tensor
    pitch_B: Tensor


def depth_loss(height_BHW: Tensor, normals_BHW3: Tensor, target: DepthTarget, primary_loss: str) -> Tensor:
    """Mean over the objects of what an object's heights are off: the mean over its known pixels, in micrometres, of the
    distance that is left once the plane that fits best is taken off.

    "log_depth" takes the logarithm of each object's mean: a tenth less counts the same of a bowed card and of a flat
    one. "log_depth_and_normals" adds that of the angle between the normals of both, which is what small dents are seen
    by.
    """
    known_BHW = target.known_BHW
    apart_BHW = without_plane((height_BHW - target.depth_BHW) * target.pitch_B[:, None, None], known_BHW)
    count_B = known_BHW.sum(dim=(1, 2)).clamp(min=1)
    # The small addend keeps the root's slope finite where nothing is off.
    each_B = (((apart_BHW * apart_BHW + 1e-8).sqrt()) * known_BHW).sum(dim=(1, 2)) / count_B
    if primary_loss == "depth":
        return each_B.mean()
    logarithm = torch.log1p(each_B / _SMALL_UM).mean()
    if primary_loss == "log_depth":
        return logarithm
    found_BP3, true_BP3 = normals_BHW3.flatten(1, 2), target.normals_BHW3.flatten(1, 2)
    return logarithm + normal_loss(found_BP3, true_BP3, known_BHW.flatten(1), "log_angular")


def without_plane(apart_BHW: Tensor, known_BHW: Tensor) -> Tensor:
    """Less the plane of least squares over the known pixels, in doubles; of fewer than three, less their mean."""
    height, width = apart_BHW.shape[1:]
    known_BP, apart_BP = known_BHW.flatten(1).double(), apart_BHW.flatten(1).double()
    across_W, down_H = (torch.linspace(-1, 1, side).to(known_BP) for side in (width, height))
    across_HW, down_HW = across_W.expand(height, width), down_H[:, None].expand(height, width)
    terms_P3 = torch.stack([torch.ones_like(across_HW), across_HW, down_HW], dim=-1).flatten(0, 1)
    system_B33 = torch.einsum("bp,pi,pj->bij", known_BP, terms_P3, terms_P3)
    right_B3 = torch.einsum("bp,pi->bi", known_BP * apart_BP, terms_P3)
    ridge_33 = 1e-9 * torch.eye(3).to(known_BP)
    plane_B3: Tensor = torch.linalg.solve(system_B33 + ridge_33, right_B3[..., None])[..., 0]
    left_BP: Tensor = apart_BP - plane_B3 @ terms_P3.T
    return left_BP.reshape(apart_BHW.shape).to(apart_BHW.dtype)
