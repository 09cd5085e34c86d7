"""Networks on the views of one object, as models that take any number of them, of any size.

H height, W width, L lights, P pixels of the mask, C colours, 3 the axes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from truscore.zoo.photometric.set_network import SetNetwork
from truscore.zoo.photometric.spatial_network import SpatialSetNetwork
from truscore.zoo.photometric.surface_network import SurfaceNetwork
from truscore.zoo.photometric.uncalibrated_network import UncalibratedSetNetwork

from services.exporter.child.export_target import Answers, ExportTarget, Picture, UnsupportedNetwork, by_name
from services.exporter.child.lit_surfaces import SurfaceNormals
from services.exporter.child.lit_windows import spatial_target
from services.exporter.child.output_parity import check_parity
from services.exporter.child.unmeasured_lights import uncalibrated_target
from services.exporter.signature import normals_signature


class LitViews(nn.Module):
    """Takes what its signature says and gives normals_3HW. Only the mask's pixels are computed: memory is theirs."""

    def __init__(self, network: SetNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, views_LCHW: Tensor, lights_L3: Tensor, level_L: Tensor, present_L: Tensor, mask_HW: Tensor
    ) -> Tensor:
        place_P = (mask_HW.reshape(-1) > 0.5).nonzero()[:, 0]
        samples_LP = views_LCHW.mean(dim=1).flatten(1)[:, place_P]
        inside_1P = torch.ones_like(place_P, dtype=samples_LP.dtype)[None]
        normals_P3 = self.network(samples_LP[None], lights_L3[None], level_L[None], present_L[None], inside_1P)[0]
        flat_3N = torch.zeros_like(mask_HW).reshape(1, -1).repeat(3, 1)
        laid_3N = flat_3N.index_copy(1, place_P, normals_P3.T)
        height, width = mask_HW.shape
        return laid_3N.reshape(3, height, width)


class WholeViews(LitViews):
    """The same of all pixels, those outside the mask set to 0: sizes follow from those of the views."""

    def forward(
        self, views_LCHW: Tensor, lights_L3: Tensor, level_L: Tensor, present_L: Tensor, mask_HW: Tensor
    ) -> Tensor:
        inside_HW = (mask_HW > 0.5).to(views_LCHW.dtype)
        samples_LP = views_LCHW.mean(dim=1).flatten(1)
        normals_P3 = self.network(
            samples_LP[None], lights_L3[None], level_L[None], present_L[None], inside_HW.reshape(1, -1)
        )[0]
        height, width = mask_HW.shape
        whole_3HW: Tensor = normals_P3.T.reshape(3, height, width) * inside_HW
        return whole_3HW


def export_target(model: nn.Module, class_names: Sequence[str]) -> ExportTarget:
    """Raises UnsupportedNetwork."""
    if isinstance(model, SpatialSetNetwork):
        return spatial_target(model, class_names)
    if isinstance(model, UncalibratedSetNetwork):
        return uncalibrated_target(model, class_names)
    if not isinstance(model, SetNetwork | SurfaceNetwork):
        accepted = "accepted: SetNetwork, SpatialSetNetwork, SurfaceNetwork, UncalibratedSetNetwork"
        raise UnsupportedNetwork(f"{type(model).__name__} is no network for normal_estimation; {accepted}")
    graph = (LitViews(model) if isinstance(model, SetNetwork) else SurfaceNormals(model)).eval()

    def run_eager(views: Picture) -> Answers:
        with torch.no_grad():
            normals_3HW: Tensor = graph(*(torch.from_numpy(each) for each in by_name(views).values()))
        return {"normals": normals_3HW.numpy()}

    return ExportTarget(
        signature=normals_signature(class_names),
        graph=graph,
        run_eager=run_eager,
        check_parity=check_parity,
        static_graph=graph,
        whole_graph=WholeViews(model).eval() if isinstance(model, SetNetwork) else None,
    )
