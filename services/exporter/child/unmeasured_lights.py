"""A network that finds its lights itself, as a model that takes any number of views, of any size, and no lights.

H height, W width, L lights, C colours, 3 the axes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from truscore.zoo.photometric.uncalibrated_network import UncalibratedNormals, UncalibratedSetNetwork

from services.exporter.child.export_target import Answers, ExportTarget, Picture, by_name
from services.exporter.child.output_parity import check_parity
from services.exporter.signature import uncalibrated_signature


class UnmeasuredLights(nn.Module):
    """Takes what its signature says and gives normals_3HW, directions_L3 and intensities_L. All pixels of the picture
    are computed: lights are seen where the object lies in it."""

    def __init__(self, network: UncalibratedSetNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, views_LCHW: Tensor, present_L: Tensor, mask_HW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        inside_HW = (mask_HW > 0.5).to(views_LCHW.dtype)
        samples_LP = views_LCHW.mean(dim=1).flatten(1)
        found: UncalibratedNormals = self.network(samples_LP[None], present_L[None], inside_HW[None])
        height, width = mask_HW.shape
        normals_3HW = found.normals_BP3[0].T.reshape(3, height, width) * inside_HW
        return normals_3HW, found.lights.directions_BL3[0], found.lights.intensities_BL[0]


def uncalibrated_target(model: UncalibratedSetNetwork, class_names: Sequence[str]) -> ExportTarget:
    graph = UnmeasuredLights(model).eval()
    signature = uncalibrated_signature(class_names)

    def run_eager(views: Picture) -> Answers:
        with torch.no_grad():
            found = graph(*(torch.from_numpy(each) for each in by_name(views).values()))
        return {tensor.name: each.numpy() for tensor, each in zip(signature.outputs, found, strict=True)}

    return ExportTarget(
        signature=signature, graph=graph, run_eager=run_eager, check_parity=check_parity, static_graph=graph
    )
