"""Normals of pixels from a set of views, of whatever number and order (PS-FCN, Chen 2018; normalised as Chen 2020).

Each light of a pixel is encoded by one small network, which the pixel's other lights reach by pooling over the set, and
the object's other pixels by a token that is pooled over them. What comes out for each light is how much its sample
counts and what is to be added to it; the normal follows in closed form. All that goes in are angles and ratios of
intensities, so that a turned object under turned lights has exactly its turned normals.

Legend: B objects, L lights, P pixels of the object, C channels, 3 the axes x right, y UP, z to the camera.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from truscore.zoo.photometric.weighted_solve import (
    lit_samples,
    robust_solve,
    shading_of,
    unit,
    weighted_solve,
)

FEATURES = 12
_TINY = 1e-6
_MOST_CORRECTION = 0.3  # of a pixel's typical sample
_FIRST_TRUST = -6.0  # logarithm of the share of all weights that the solver's normal begins with


class SetBlock(nn.Module):
    """A layer on each light, with what is common to the lights of its pixel and to the pixels of its object."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.own = nn.Linear(width, width)
        self.pixel = nn.Linear(2 * width, width, bias=False)
        self.object = nn.Linear(2 * width, width, bias=False)

    def forward(self, feature_BLPC: Tensor, present_BLPC: Tensor, inside_BPC: Tensor) -> Tensor:
        pooled_BPC = pooled(feature_BLPC, present_BLPC)
        token_BC = (pooled_BPC * inside_BPC).sum(dim=1) / (inside_BPC.sum(dim=1) + _TINY)
        common_BPC = self.pixel(pooled_BPC) + self.object(token_BC)[:, None]
        return feature_BLPC + nn.functional.relu(self.own(feature_BLPC) + common_BPC[:, None])


def pooled(feature_BLPC: Tensor, present_BLPC: Tensor) -> Tensor:
    """Mean and maximum over the lights that are there [B, P, 2 C]. Features are not negative, so that a light that is
    not there is the least of them."""
    there_BLPC = feature_BLPC * present_BLPC
    mean_BPC = there_BLPC.sum(dim=1) / present_BLPC.sum(dim=1)
    return torch.cat([mean_BPC, there_BLPC.amax(dim=1)], dim=-1)


class SetBackbone(nn.Module):
    """The encoder of a light and the blocks behind it. ``body`` lists them under the name that all families share."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        encoder = nn.Sequential(nn.Linear(FEATURES, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.body = nn.ModuleList([encoder, *(SetBlock(width) for _ in range(blocks))])

    def forward(self, feature_BLPF: Tensor, present_BLPC: Tensor, inside_BPC: Tensor) -> Tensor:
        """[B, L, P, C]."""
        encoder, *blocks = self.body
        feature_BLPC: Tensor = encoder(feature_BLPF)
        for block in blocks:
            feature_BLPC = block(feature_BLPC, present_BLPC, inside_BPC)
        return feature_BLPC


class SetNetwork(nn.Module):
    """The backbone and the closed form that it weighs."""

    def __init__(self, width: int, blocks: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.backbone = SetBackbone(width, blocks)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, 2)
        self.trust = nn.Linear(2 * width, 1)
        # It begins as the robust solver whose weights it is given, and learns where that is wrong.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        nn.init.zeros_(self.trust.weight)
        nn.init.constant_(self.trust.bias, _FIRST_TRUST)

    def forward(
        self, samples_BLP: Tensor, lights_BL3: Tensor, level_BL: Tensor, present_BL: Tensor, inside_BP: Tensor
    ) -> Tensor:
        """Unit normals [B, P, 3]; (0, 0, 1) where nothing is lit.

        ``samples_BLP`` are linear intensities with each light's own divided out, ``level_BL`` what the camera added to
        them (negative: took away). Lights with ``present_BL`` 0 and pixels with ``inside_BP`` 0 change nothing.
        """
        present_BL1 = present_BL[..., None]
        lit_BLP = lit_samples(samples_BLP, level_BL) * present_BL1
        values_BLP = (samples_BLP - level_BL[..., None]).clamp(min=0) * lit_BLP
        # Relative to each pixel: dark and bright paper are one surface.
        count_B1P = lit_BLP.sum(dim=1, keepdim=True).clamp(min=1)
        scale_B1P = ((values_BLP**2).sum(dim=1, keepdim=True) / count_B1P).clamp(min=1e-10).sqrt()
        start_BP3, weights_BLP = robust_solve(values_BLP, lit_BLP, lights_BL3)
        seen = _Seen(
            values_BLP=values_BLP,
            lit_BLP=lit_BLP,
            weights_BLP=weights_BLP,
            start_BP3=start_BP3,
            lights_BL3=lights_BL3,
            scale_B1P=scale_B1P,
        )
        feature_BLPF = _features(seen, inside_BP)
        feature_BLPC = self.backbone(feature_BLPF, present_BL1[..., None], inside_BP[..., None])
        weight_BLP, more_BLP = self.head(self.dropout(feature_BLPC)).unbind(dim=-1)
        learned_BLP = (weights_BLP + 0.02 * lit_BLP) * torch.exp(4 * torch.tanh(weight_BLP))
        corrected_BLP = values_BLP / scale_B1P + _MOST_CORRECTION * torch.tanh(more_BLP)
        # Where hardly anything tells one direction from the others, the solver's normal stays.
        trust_BP = torch.exp(self.trust(pooled(feature_BLPC, present_BL1[..., None]))[..., 0].clamp(-12, 2))
        start_BP3 = start_BP3 / scale_B1P.transpose(1, 2)
        return unit(weighted_solve(corrected_BLP, learned_BLP, lights_BL3, start_BP3=start_BP3, trust_BP=trust_BP))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """Samples less the black level, which of them are lit, what the robust solver made of them and how it weighed them;
    ``scale_B1P`` is a pixel's typical sample."""

    values_BLP: Tensor
    lit_BLP: Tensor
    weights_BLP: Tensor
    start_BP3: Tensor
    lights_BL3: Tensor
    scale_B1P: Tensor


def _features(seen: _Seen, inside_BP: Tensor) -> Tensor:
    """[B, L, P, FEATURES], none of which changes when object and lights are turned about the camera's axis."""
    values_BLP, lights_BL3, scale_B1P = seen.values_BLP, seen.lights_BL3, seen.scale_B1P
    first_BLP = shading_of(weighted_solve(values_BLP, seen.lit_BLP, lights_BL3), lights_BL3)
    normal_BP3 = unit(seen.start_BP3)
    half_BL3 = unit(lights_BL3 + lights_BL3.new_tensor([0.0, 0.0, 1.0]))
    inside_B1P = inside_BP[:, None]
    object_B11 = (scale_B1P * inside_B1P).sum(dim=2, keepdim=True) / (inside_B1P.sum(dim=2, keepdim=True) + _TINY)
    residual_BLP = (values_BLP - shading_of(seen.start_BP3, lights_BL3)) / scale_B1P
    like_BLP = torch.ones_like(values_BLP)
    return torch.stack(
        [
            values_BLP / scale_B1P,
            torch.log(values_BLP / (object_B11 + _TINY) + 0.05),
            residual_BLP,
            torch.tanh(10 * residual_BLP),
            (values_BLP - first_BLP) / scale_B1P,
            seen.lit_BLP,
            seen.weights_BLP,
            shading_of(normal_BP3, lights_BL3),
            shading_of(normal_BP3, half_BL3) ** 8,
            shading_of(normal_BP3, half_BL3),
            lights_BL3[..., 2:] * like_BLP,
            normal_BP3[..., 2][:, None] * like_BLP,
        ],
        dim=-1,
    )
