"""Normals and lights of views whose lights nobody measured: the light network before the set network (SDPS-Net, Chen et
al. 2019). B objects, L lights, P = H * W pixels, 3 the axes x right, y UP, z to the camera."""

from dataclasses import dataclass

import torch
from torch import Tensor

from truscore.zoo.photometric.light_network import LightNetwork, SeenLights, covariance_of, mean_lights
from truscore.zoo.photometric.set_network import SetSolver


@dataclass(frozen=True, kw_only=True, slots=True)
class UncalibratedNormals:
    normals_BP3: Tensor
    lights: SeenLights


class UncalibratedSetNetwork(SetSolver):
    """Takes no lights. What they are is said beside the normals.

    Where lights are not sure, normals go to what is known without them, a flat surface: the closed form counts how far
    directions spread.
    """

    def __init__(self, width: int, blocks: int, lights: int, dropout: float = 0.0) -> None:
        super().__init__(width, blocks, dropout)
        self.lights = LightNetwork(lights)

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
        return UncalibratedNormals(normals_BP3=solved.normals_BP3, lights=lights)
