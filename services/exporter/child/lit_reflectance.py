"""Networks of reflectance on the views of one object, as models that take any number of them, of any size.

H height, W width, L lights, P pixels of the mask, C maps, 3 the axes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from truscore.zoo.photometric.reflectance_network import ReflectanceNetwork, confidence_of

from services.exporter.child.export_target import Answers, ExportTarget, Picture, UnsupportedNetwork, by_name
from services.exporter.child.output_parity import check_parity
from services.exporter.signature import reflectance_signature


class LitReflectance(nn.Module):
    """Takes and gives what its signature says. Only the mask's pixels are computed: memory is theirs."""

    def __init__(self, network: ReflectanceNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, views_LCHW: Tensor, lights_L3: Tensor, level_L: Tensor, present_L: Tensor, mask_HW: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        place_P = (mask_HW.reshape(-1) > 0.5).nonzero()[:, 0]
        samples_LP = views_LCHW.mean(dim=1).flatten(1)[:, place_P]
        inside_1P = torch.ones_like(place_P, dtype=samples_LP.dtype)[None]
        maps = self.network(samples_LP[None], lights_L3[None], level_L[None], present_L[None], inside_1P)
        scalars = (maps.albedo_BP, maps.roughness_BP, maps.f0_BP, confidence_of(maps.spread_BP))
        found_CP = torch.cat([*scalars, maps.normals_BP3[0].T])
        flat_CN = torch.zeros_like(mask_HW).reshape(1, -1).repeat(7, 1)
        height, width = mask_HW.shape
        laid_CHW = flat_CN.index_copy(1, place_P, found_CP).reshape(7, height, width)
        return laid_CHW[0], laid_CHW[1], laid_CHW[2], laid_CHW[3], laid_CHW[4:]


class WholeReflectance(LitReflectance):
    """The same of all pixels, those outside the mask set to 0: sizes follow from those of the views."""

    def forward(
        self, views_LCHW: Tensor, lights_L3: Tensor, level_L: Tensor, present_L: Tensor, mask_HW: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        inside_HW = (mask_HW > 0.5).to(views_LCHW.dtype)
        samples_1LP = views_LCHW.mean(dim=1).flatten(1)[None]
        maps = self.network(samples_1LP, lights_L3[None], level_L[None], present_L[None], inside_HW.reshape(1, -1))
        height, width = mask_HW.shape
        scalars = (maps.albedo_BP, maps.roughness_BP, maps.f0_BP, confidence_of(maps.spread_BP))
        albedo_HW, roughness_HW, f0_HW, confidence_HW = (each.reshape(height, width) * inside_HW for each in scalars)
        normals_3HW = maps.normals_BP3[0].T.reshape(3, height, width) * inside_HW
        return albedo_HW, roughness_HW, f0_HW, confidence_HW, normals_3HW


def export_target(model: nn.Module, class_names: Sequence[str]) -> ExportTarget:
    """Raises UnsupportedNetwork."""
    if not isinstance(model, ReflectanceNetwork):
        raise UnsupportedNetwork(
            f"{type(model).__name__} is no network for reflectance_estimation; accepted: ReflectanceNetwork"
        )
    graph = LitReflectance(model).eval()
    signature = reflectance_signature(class_names)

    def run_eager(views: Picture) -> Answers:
        with torch.no_grad():
            found = graph(*(torch.from_numpy(each) for each in by_name(views).values()))
        return {tensor.name: each.numpy() for tensor, each in zip(signature.outputs, found, strict=True)}

    return ExportTarget(
        signature=signature,
        graph=graph,
        run_eager=run_eager,
        check_parity=check_parity,
        static_graph=graph,
        whole_graph=WholeReflectance(model).eval(),
    )
