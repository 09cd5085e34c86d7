"""Networks that see what lies around a pixel, as models that take any number of views of any size.

Files for onnxruntime go over the views window by window, in a loop; other formats, which follow no such loop, compute
all pixels at once. H height, W width, L lights, P pixels, C colours, 3 the axes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from truscore.zoo.photometric.spatial_network import SpatialSetNetwork
from truscore.zoo.photometric.spatial_windows import WINDOW, TypicalSample, WindowAnswers, WindowedNormals

from services.exporter.child.export_target import Answers, ExportTarget, Picture, by_name
from services.exporter.child.output_parity import check_parity
from services.exporter.signature import normals_signature

_EXAMPLE = (4, 12, 10)  # lights, height, width


class WindowedViews(nn.Module):
    """Takes what its signature says and gives normals_3HW."""

    def __init__(self, windows: WindowedNormals) -> None:
        super().__init__()
        self.windows = windows

    def forward(
        self, views_LCHW: Tensor, lights_L3: Tensor, level_L: Tensor, present_L: Tensor, mask_HW: Tensor
    ) -> Tensor:
        inside_HW = (mask_HW > 0.5).to(views_LCHW.dtype)
        normals_HW3: Tensor = self.windows(views_LCHW.mean(dim=1), lights_L3, level_L, present_L, inside_HW)
        return normals_HW3.permute(2, 0, 1) * inside_HW


class WholeSpatialViews(nn.Module):
    """The same of all pixels at once."""

    def __init__(self, network: SpatialSetNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, views_LCHW: Tensor, lights_L3: Tensor, level_L: Tensor, present_L: Tensor, mask_HW: Tensor
    ) -> Tensor:
        inside_HW = (mask_HW > 0.5).to(views_LCHW.dtype)
        samples_LP = views_LCHW.mean(dim=1).flatten(1)
        normals_BHW3 = self.network(samples_LP[None], lights_L3[None], level_L[None], present_L[None], inside_HW[None])
        whole_3HW: Tensor = normals_BHW3[0].permute(2, 0, 1) * inside_HW
        return whole_3HW


def spatial_target(model: SpatialSetNetwork, class_names: Sequence[str], window: int = WINDOW) -> ExportTarget:
    answers, typical, whole = WindowAnswers(model).eval(), TypicalSample().eval(), WholeSpatialViews(model).eval()
    graph = WindowedViews(WindowedNormals(answers, typical, window)).eval()

    def run_eager(views: Picture) -> Answers:
        with torch.no_grad():
            normals_3HW: Tensor = graph(*(torch.from_numpy(each) for each in by_name(views).values()))
        return {"normals": normals_3HW.numpy()}

    def scripted() -> nn.Module:
        # One window's network is traced, as every network is, and the loop around it compiled: tracing would freeze
        # the number of windows to the example's.
        lights, height, width = _EXAMPLE
        samples_Lhw, lights_L3 = torch.rand(lights, height, width), torch.rand(lights, 3)
        level_L, present_L, inside_hw = torch.zeros(lights), torch.ones(lights), torch.ones(height, width)
        of_window = (samples_Lhw, lights_L3, level_L, present_L, inside_hw, torch.ones(1, 1, 1))
        with torch.no_grad():
            traced = [
                torch.jit.trace(module, given, check_trace=False)  # type: ignore[no-untyped-call]
                for module, given in (
                    (answers, of_window),
                    (typical, (samples_Lhw, level_L, present_L, inside_hw)),
                )
            ]
        windows = WindowedNormals(traced[0], traced[1], window)
        compiled: nn.Module = torch.jit.script(WindowedViews(windows).eval())
        return compiled

    return ExportTarget(
        signature=normals_signature(class_names),
        graph=graph,
        run_eager=run_eager,
        check_parity=check_parity,
        static_graph=whole,
        whole_graph=whole,
        scripted=scripted,
    )
