"""Networks that take squares, as models that take a picture of any size.

H height, W width of a picture; S side of the square; K channels of a map.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from truscore.zoo.framing import Framed, frame, unframe

from services.exporter.child import tiled
from services.exporter.child.export_target import Answers, ExportTarget, Picture, UnsupportedNetwork
from services.exporter.child.output_parity import check_parity
from services.exporter.child.static import framing
from services.exporter.release import Signature
from services.exporter.signature import SIGNATURES


class FramedPicture(nn.Module):
    """Takes image_CHW from 0 to 1, gives the named answers without their batch; maps at the picture's own size.

    Training saw frames rounded to 8 bits; the difference is below what the camera's own noise makes.
    """

    def __init__(self, network: Framed, signature: Signature) -> None:
        super().__init__()
        self.network = network
        self.maps = {tensor.name for tensor in signature.outputs if "height" in tensor.shape}
        self.names = [tensor.name for tensor in signature.outputs]

    def forward(self, image_CHW: Tensor) -> tuple[Tensor, ...]:
        height, width = image_CHW.shape[-2:]
        answers = self.network.answers(self.network(frame(image_CHW, self.network.image_size)[None]))
        return tuple(
            unframe(answers[name][0], height, width) if name in self.maps else answers[name][0] for name in self.names
        )


class StaticFramedPicture(FramedPicture):
    """The same, in shapes that follow from the picture's size alone."""

    def forward(self, image_CHW: Tensor) -> tuple[Tensor, ...]:
        height, width = image_CHW.shape[-2:]
        framed_CSS = framing.frame(image_CHW, self.network.image_size)
        answers = self.network.answers(self.network(framed_CSS[None]))
        return tuple(
            framing.unframe(answers[name][0], height, width) if name in self.maps else answers[name][0]
            for name in self.names
        )


def export_target(model: nn.Module, class_names: Sequence[str], *, task: str) -> ExportTarget:
    if not isinstance(model, Framed):
        raise UnsupportedNetwork(
            f"{type(model).__name__} is no network for {task}; accepted: what takes squares (Framed)"
        )
    if tiled.goes_by_tiles(model):
        return tiled.export_target(model, class_names)
    signature = SIGNATURES[task](class_names)
    graph = FramedPicture(model, signature).eval()

    def run_eager(image_CHW: Picture) -> Answers:
        with torch.no_grad():
            outputs: tuple[Tensor, ...] = graph(torch.from_numpy(image_CHW))
        return {name: output.numpy() for name, output in zip(graph.names, outputs, strict=True)}

    return ExportTarget(
        signature=signature,
        graph=graph,
        run_eager=run_eager,
        check_parity=check_parity,
        static_graph=StaticFramedPicture(model, signature).eval(),
    )


def of_task(task: str) -> Callable[[nn.Module, Sequence[str]], ExportTarget]:
    return partial(export_target, task=task)
