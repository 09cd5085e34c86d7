"""Networks that make a surface of an object's views, as models that take any number of views of any size.

H height, W width, L lights, C colours, 3 the axes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from truscore.zoo.photometric.multi_view_network import MultiViewNetwork
from truscore.zoo.photometric.surface_network import Surface, SurfaceNetwork

from services.exporter.child.export_target import Answers, ExportTarget, Picture, UnsupportedNetwork, by_name
from services.exporter.child.lit_cameras import multi_view_target
from services.exporter.child.output_parity import check_parity
from services.exporter.signature import depth_signature


class SurfaceNormals(nn.Module):
    """Takes what its signature says and gives normals_3HW of the surface."""

    def __init__(self, network: SurfaceNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, views_LCHW: Tensor, lights_L3: Tensor, level_L: Tensor, present_L: Tensor, mask_HW: Tensor
    ) -> Tensor:
        inside_HW = (mask_HW > 0.5).to(views_LCHW.dtype)
        samples_LP = views_LCHW.mean(dim=1).flatten(1)
        surface: Surface = self.network(
            samples_LP[None], lights_L3[None], level_L[None], present_L[None], inside_HW[None]
        )
        return surface.normals_BHW3[0].permute(2, 0, 1) * inside_HW


class LitDepth(nn.Module):
    """Takes what its signature says and gives depth_HW in micrometres. All pixels of the picture are computed: what
    surrounds a pixel counts."""

    def __init__(self, network: SurfaceNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(  # noqa: PLR0917  the file's inputs
        self,
        views_LCHW: Tensor,
        lights_L3: Tensor,
        level_L: Tensor,
        present_L: Tensor,
        mask_HW: Tensor,
        pitch_1: Tensor,
    ) -> Tensor:
        inside_HW = (mask_HW > 0.5).to(views_LCHW.dtype)
        samples_LP = views_LCHW.mean(dim=1).flatten(1)
        surface: Surface = self.network(
            samples_LP[None], lights_L3[None], level_L[None], present_L[None], inside_HW[None]
        )
        return surface.height_BHW[0] * pitch_1


def depth_target(model: nn.Module, class_names: Sequence[str]) -> ExportTarget:
    """Raises UnsupportedNetwork."""
    if isinstance(model, MultiViewNetwork):
        return multi_view_target(model, class_names)
    if not isinstance(model, SurfaceNetwork):
        accepted = "accepted: SurfaceNetwork, MultiViewNetwork"
        message = f"{type(model).__name__} is no network for depth_estimation; {accepted}"
        raise UnsupportedNetwork(message)
    graph = LitDepth(model).eval()

    def run_eager(views: Picture) -> Answers:
        with torch.no_grad():
            depth_HW: Tensor = graph(*(torch.from_numpy(each) for each in by_name(views).values()))
        return {"depth": depth_HW.numpy()}

    return ExportTarget(
        signature=depth_signature(class_names),
        graph=graph,
        run_eager=run_eager,
        check_parity=check_parity,
        static_graph=graph,
    )
