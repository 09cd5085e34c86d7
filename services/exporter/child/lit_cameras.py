"""Networks that see one thing from several cameras, as models that take any number of them, of any size.

Legend: V views, L lights, C colours, P pixels, H, W rows and columns, 3 the axes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from truscore.zoo.photometric.multi_view_network import Depths, MultiViewNetwork, photometric_maps
from truscore.zoo.photometric.plane_sweep import Cameras

from services.exporter.child.export_target import Answers, ExportTarget, Picture, by_name
from services.exporter.child.output_parity import check_parity
from services.exporter.signature import multi_view_signature


class LitCameras(nn.Module):
    """Takes what its signature says and gives depth_HW of the first camera's view, in micrometres."""

    def __init__(self, network: MultiViewNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(  # noqa: PLR0917  the file's inputs
        self,
        views_VLCHW: Tensor,
        lights_VL3: Tensor,
        level_VL: Tensor,
        present_VL: Tensor,
        mask_VHW: Tensor,
        intrinsics_V33: Tensor,
        rotation_V33: Tensor,
        translation_V3: Tensor,
        range_2: Tensor,
    ) -> Tensor:
        inside_VHW = (mask_VHW > 0.5).to(views_VLCHW.dtype)
        samples_VLP = views_VLCHW.mean(dim=2).flatten(2)
        maps_V4P = photometric_maps(samples_VLP, lights_VL3, level_VL, present_VL)
        count, height, width = mask_VHW.shape
        maps_V4HW = maps_V4P.reshape(count, 4, height, width) * inside_VHW[:, None]
        cameras = Cameras(intrinsics_V33=intrinsics_V33, rotation_V33=rotation_V33, translation_V3=translation_V3)
        depths: Depths = self.network(maps_V4HW, inside_VHW, cameras, range_2)
        return (0.5 * (range_2[0] + range_2[1]) - depths.fine_HW) * inside_VHW[0]


class WithAnAbsentCamera(LitCameras):
    """The same with one more camera that shows nothing: of two cameras one is compared with the first, and programs of
    torch.export that were followed with more are not valid for a dimension of 1."""

    def forward(  # noqa: PLR0917  the file's inputs
        self,
        views_VLCHW: Tensor,
        lights_VL3: Tensor,
        level_VL: Tensor,
        present_VL: Tensor,
        mask_VHW: Tensor,
        intrinsics_V33: Tensor,
        rotation_V33: Tensor,
        translation_V3: Tensor,
        range_2: Tensor,
    ) -> Tensor:
        return super().forward(
            _repeated(views_VLCHW),
            _repeated(lights_VL3),
            _repeated(level_VL),
            _repeated(present_VL),
            torch.cat([mask_VHW, torch.zeros_like(mask_VHW[:1])]),
            _repeated(intrinsics_V33),
            _repeated(rotation_V33),
            _repeated(translation_V3),
            range_2,
        )


def _repeated(of_views: Tensor) -> Tensor:
    """The first view's once more behind the last."""
    return torch.cat([of_views, of_views[:1]])


def multi_view_target(model: MultiViewNetwork, class_names: Sequence[str]) -> ExportTarget:
    graph = LitCameras(model).eval()

    def run_eager(views: Picture) -> Answers:
        with torch.no_grad():
            depth_HW: Tensor = graph(*(torch.from_numpy(each) for each in by_name(views).values()))
        return {"depth": depth_HW.numpy()}

    return ExportTarget(
        signature=multi_view_signature(class_names),
        graph=graph,
        run_eager=run_eager,
        check_parity=check_parity,
        static_graph=WithAnAbsentCamera(model).eval(),
    )
