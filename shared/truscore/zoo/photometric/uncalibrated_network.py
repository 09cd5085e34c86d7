"""Normals and lights of views whose lights nobody measured: the light network before the set network (SDPS-Net, Chen et
al. 2019). B objects, L lights, P = H * W pixels, 3 the axes x right, y UP, z to the camera."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from truscore.zoo.photometric.light_network import LightNetwork, SeenLights, covariance_of, mean_lights
from truscore.zoo.photometric.set_network import SetSolver
from truscore.zoo.photometric.weighted_solve import unit

_FIRST_GATE = 5.0  # by whose sigmoid normals count beside a flat surface


@dataclass(frozen=True, kw_only=True, slots=True)
class UncalibratedNormals:
    normals_BP3: Tensor
    lights: SeenLights


class UncalibratedSetNetwork(SetSolver):
    """Takes no lights. What they are is said beside the normals.

    Where lights are not sure, normals go to what is known without them, a flat surface: in the closed form by how far
    directions spread, and by a gate of each object that is learnt of what all views have in common.
    """

    def __init__(self, width: int, blocks: int, lights: int, dropout: float = 0.0) -> None:
        super().__init__(width, blocks, dropout)
        self.lights = LightNetwork(lights)
        self.gate = nn.Linear(self.lights.pooled.in_features, 1)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, _FIRST_GATE)

    def forward(self, samples_BLP: Tensor, present_BL: Tensor, inside_BHW: Tensor) -> UncalibratedNormals:
        """Of the views as the camera has them, row after row of a rectangle; nothing is divided out of them."""
        lights = self.lights(samples_BLP, present_BL, inside_BHW)
        even_BLP = samples_BLP / lights.intensities_BL[..., None]
        level_BL = torch.zeros_like(present_BL)
        # Normals have no say in where lights are: where these are nearly in one plane, it would be anything.
        covariance_BL33 = covariance_of(lights.scores_BLK.detach(), self.lights.choices_K3)
        solved = self.solved(
            even_BLP,
            mean_lights(lights.directions_BL3, covariance_BL33),
            level_BL,
            present_BL,
            inside_BHW.flatten(1),
            covariance_BL33=covariance_BL33,
        )
        gate_B11 = torch.sigmoid(self.gate(lights.common_BC.detach()))[..., None]
        upward_3 = samples_BLP.new_tensor([0.0, 0.0, 1.0])
        normals_BP3 = unit(gate_B11 * solved.normals_BP3 + (1 - gate_B11) * upward_3)
        return UncalibratedNormals(normals_BP3=normals_BP3, lights=lights)
