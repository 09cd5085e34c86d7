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

FEATURES = 16
_TINY = 1e-6
_MOST_CORRECTION = 0.3  # of a pixel's typical sample
_MOST_AGREED, _AGREED_STEP = 0.5, 0.07  # of a pixel's lit samples: with more, the solver is left alone
_LEAST_MISFIT = 2e-3  # what eight bits leave of a bright sample: less is as good as nothing
_MOST_DOUBT = 6.0  # by whose exponential a light's weight differs from the solver's
_LEAST_WEIGHT = 1e-4  # so that a sample that the solver leaves out, as it does all dark ones, can be brought back
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


class Backbone(nn.Module):
    """Gives features of each light of a pixel. ``body`` lists its stages under the name that all families share."""

    body: nn.ModuleList


class SetBackbone(Backbone):
    """The encoder of a light and the blocks behind it."""

    def __init__(self, width: int, blocks: int, features: int = FEATURES) -> None:
        super().__init__()
        self.body = nn.ModuleList([encoder_of(features, width), *(SetBlock(width) for _ in range(blocks))])

    def forward(self, feature_BLPF: Tensor, present_BLPC: Tensor, inside_BPC: Tensor) -> Tensor:
        """[B, L, P, C]."""
        encoder, *blocks = self.body
        feature_BLPC: Tensor = encoder(feature_BLPF)
        for block in blocks:
            feature_BLPC = block(feature_BLPC, present_BLPC, inside_BPC)
        return feature_BLPC


def encoder_of(features: int, width: int) -> nn.Sequential:
    """Of one light of a pixel."""
    return nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())


class SetSolver(nn.Module):
    """The backbone and the closed form that it weighs. Untrained, it is the robust solver."""

    def __init__(self, width: int, blocks: int, dropout: float = 0.0, *, backbone: Backbone | None = None) -> None:
        """Without a ``backbone`` of so many channels it has that of single pixels."""
        super().__init__()
        self.backbone: Backbone = backbone or SetBackbone(width, blocks)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, 2)
        self.trust = nn.Linear(2 * width, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        nn.init.zeros_(self.trust.weight)
        nn.init.constant_(self.trust.bias, _FIRST_TRUST)

    def solved(
        self,
        samples_BLP: Tensor,
        lights_BL3: Tensor,
        level_BL: Tensor,
        present_BL: Tensor,
        inside_BP: Tensor,
        *,
        covariance_BL33: Tensor | None = None,
    ) -> "Solved":
        """Normals, and what goes on from them learns of each pixel.

        ``samples_BLP`` are linear intensities with each light's own divided out, ``level_BL`` what the camera added to
        them (negative: took away). Lights with ``present_BL`` 0 and pixels with ``inside_BP`` 0 change nothing.
        ``covariance_BL33`` is that of lights that are not known, whose means ``lights_BL3`` are then.
        """
        seen = seen_of(samples_BLP, lights_BL3, level_BL, present_BL, covariance_BL33=covariance_BL33)
        feature_BLPF = features_of(seen, typical_of(seen.scale_B1P, inside_BP))
        feature_BLPC = self.backbone(feature_BLPF, present_BL[..., None, None], inside_BP[..., None])
        return self.weighed(seen, feature_BLPC, present_BL)

    def weighed(self, seen: "Seen", feature_BLPC: Tensor, present_BL: Tensor) -> "Solved":
        """The closed form, by what the backbone says of each light of a pixel."""
        present_BL1 = present_BL[..., None]
        weight_BLP, more_BLP = self.head(self.dropout(feature_BLPC)).unbind(dim=-1)
        # Where nearly all lit samples agree on a normal, the solver is right: weights stay as they are, and nothing is
        # added to the samples. Dark ones say only that their light is at the horizon or below.
        open_B1P = torch.sigmoid((_MOST_AGREED - seen.agreed_B1P) / _AGREED_STEP) ** 2
        least_BL1 = _LEAST_WEIGHT * present_BL1
        learned_BLP = (seen.weights_BLP + least_BL1) * torch.exp(_MOST_DOUBT * open_B1P * torch.tanh(weight_BLP))
        room_BLP = _MOST_CORRECTION * (1 - seen.lit_BLP * (1 - open_B1P))
        corrected_BLP = seen.relative_BLP + room_BLP * torch.tanh(more_BLP)
        # Where hardly anything tells one direction from the others, the solver's normal stays.
        pooled_BPC = pooled(feature_BLPC, present_BL1[..., None])
        trust_BP = torch.exp(self.trust(pooled_BPC)[..., 0].clamp(-12, 2))
        scaled_BP3 = weighted_solve(
            corrected_BLP,
            learned_BLP,
            seen.lights_BL3,
            start_BP3=seen.start_BP3,
            trust_BP=trust_BP,
            covariance_BL33=seen.covariance_BL33,
        )
        return Solved(
            normals_BP3=unit(scaled_BP3),
            pooled_BPC=pooled_BPC,
            misfit_BP=seen.misfit_B1P[:, 0],
            agreed_BP=seen.agreed_B1P[:, 0],
            seen=seen,
        )


class SetNetwork(SetSolver):
    """The normals alone."""

    def forward(
        self, samples_BLP: Tensor, lights_BL3: Tensor, level_BL: Tensor, present_BL: Tensor, inside_BP: Tensor
    ) -> Tensor:
        """Unit normals [B, P, 3]; (0, 0, 1) where nothing is lit."""
        return self.solved(samples_BLP, lights_BL3, level_BL, present_BL, inside_BP).normals_BP3


@dataclass(frozen=True, kw_only=True, slots=True)
class Solved:
    """Unit normals; features pooled over the lights; of each pixel the share of its typical sample that the robust
    solver leaves unexplained, and the share of its lit samples that agree with one normal."""

    normals_BP3: Tensor
    pooled_BPC: Tensor
    misfit_BP: Tensor
    agreed_BP: Tensor
    seen: "Seen"


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """Samples less the black level, which of them are lit, what the robust solver made of them and how it weighed them.

    Of a pixel, ``scale_B1P`` is the typical sample, which ``relative_BLP`` are relative to, ``residual_BLP`` and
    ``misfit_B1P`` are the shares of it that the solver leaves unexplained, ``agreed_B1P`` is the share of the lit
    samples that it goes by.
    """

    values_BLP: Tensor
    relative_BLP: Tensor
    lit_BLP: Tensor
    weights_BLP: Tensor
    start_BP3: Tensor
    lights_BL3: Tensor
    scale_B1P: Tensor
    residual_BLP: Tensor
    misfit_B1P: Tensor
    agreed_B1P: Tensor
    covariance_BL33: Tensor | None = None


def seen_of(
    samples_BLP: Tensor,
    lights_BL3: Tensor,
    level_BL: Tensor,
    present_BL: Tensor,
    *,
    covariance_BL33: Tensor | None = None,
) -> Seen:
    """What the robust solver makes of samples, which are as `SetSolver.solved` takes them."""
    lit_BLP = lit_samples(samples_BLP, level_BL) * present_BL[..., None]
    values_BLP = (samples_BLP - level_BL[..., None]).clamp(min=0) * lit_BLP
    # Relative to each pixel: dark and bright paper are one surface.
    count_B1P = lit_BLP.sum(dim=1, keepdim=True).clamp(min=1)
    scale_B1P = _scale(values_BLP, count_B1P)
    relative_BLP = values_BLP / scale_B1P
    start_BP3, weights_BLP, agreed_B1P = robust_solve(
        relative_BLP, lit_BLP, lights_BL3, covariance_BL33=covariance_BL33
    )
    residual_BLP = relative_BLP - shading_of(start_BP3, lights_BL3)
    return Seen(
        values_BLP=values_BLP,
        relative_BLP=relative_BLP,
        lit_BLP=lit_BLP,
        weights_BLP=weights_BLP,
        start_BP3=start_BP3,
        lights_BL3=lights_BL3,
        scale_B1P=scale_B1P,
        residual_BLP=residual_BLP,
        # A mean that large ones count little in.
        misfit_B1P=((residual_BLP.abs() + 1e-12).sqrt() * lit_BLP).sum(dim=1, keepdim=True) ** 2 / count_B1P**2,
        agreed_B1P=agreed_B1P,
        covariance_BL33=covariance_BL33,
    )


def scale_of(samples_BLP: Tensor, level_BL: Tensor, present_BL: Tensor) -> Tensor:
    """The typical sample of each pixel [B, 1, P]."""
    lit_BLP = lit_samples(samples_BLP, level_BL) * present_BL[..., None]
    values_BLP = (samples_BLP - level_BL[..., None]).clamp(min=0) * lit_BLP
    return _scale(values_BLP, lit_BLP.sum(dim=1, keepdim=True).clamp(min=1))


def _scale(values_BLP: Tensor, count_B1P: Tensor) -> Tensor:
    return ((values_BLP**2).sum(dim=1, keepdim=True) / count_B1P).clamp(min=1e-10).sqrt()


def typical_of(scale_B1P: Tensor, inside_BP: Tensor) -> Tensor:
    """The mean of an object's pixels [B, 1, 1]."""
    inside_B1P = inside_BP[:, None]
    return (scale_B1P * inside_B1P).sum(dim=2, keepdim=True) / (inside_B1P.sum(dim=2, keepdim=True) + _TINY)


def features_of(seen: Seen, object_B11: Tensor) -> Tensor:
    """[B, L, P, FEATURES], none of which changes when object and lights are turned about the camera's axis. Samples
    of a pixel count in it relative to one another, and to ``object_B11``, the typical sample of the object."""
    relative_BLP, lights_BL3 = seen.relative_BLP, seen.lights_BL3
    first_BP3 = weighted_solve(relative_BLP, seen.lit_BLP, lights_BL3, covariance_BL33=seen.covariance_BL33)
    first_BLP = shading_of(first_BP3, lights_BL3)
    normal_BP3 = unit(seen.start_BP3)
    half_BL3 = unit(lights_BL3 + lights_BL3.new_tensor([0.0, 0.0, 1.0]))
    deviation_BLP = seen.residual_BLP / (seen.misfit_B1P + _LEAST_MISFIT)
    like_BLP = torch.ones_like(relative_BLP)
    return torch.stack(
        [
            relative_BLP,
            torch.log(seen.values_BLP / (object_B11 + _TINY) + 0.05),
            seen.residual_BLP.clamp(-3, 3),
            torch.tanh(10 * seen.residual_BLP),
            torch.tanh(deviation_BLP / 3),
            torch.log(deviation_BLP.abs() + 0.1) / 4,
            relative_BLP - first_BLP,
            seen.lit_BLP,
            seen.weights_BLP,
            shading_of(normal_BP3, lights_BL3),
            shading_of(normal_BP3, half_BL3) ** 8,
            shading_of(normal_BP3, half_BL3),
            lights_BL3[..., 2:] * like_BLP,
            normal_BP3[..., 2][:, None] * like_BLP,
            torch.log(seen.misfit_B1P + _LEAST_MISFIT) / 4 * like_BLP,
            seen.agreed_B1P * like_BLP,
        ],
        dim=-1,
    )
