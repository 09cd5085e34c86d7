"""Networks of windows, as models that go over a picture of any size at its native resolution, tile by tile.

K channels of a map; S side of a tile.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from truscore.catalog.export_formats import SAMPLING_REASONS
from truscore.zoo.framing import Framed
from truscore.zoo.segmentation.tiling import TileAnswers, TiledPicture

from services.exporter.child.export_target import Answers, ExportTarget, Picture
from services.exporter.child.output_parity import check_parity
from services.exporter.signature import windowed_mask_signature

REFUSED = {
    name: f"{reason}; accepted: sampling whole"
    for (sampling, name), reason in SAMPLING_REASONS.items()
    if sampling == "windows"
}


def goes_by_tiles(model: nn.Module) -> bool:
    """Whether the network was trained on windows: only such have a threshold of damage."""
    return isinstance(model, Framed) and any(name == "damage_threshold" for name, _ in model.named_buffers())


def export_target(model: Framed, class_names: Sequence[str]) -> ExportTarget:
    threshold = float(model.get_buffer("damage_threshold"))
    classes = len(class_names) + 1

    def tiled(tile_answers: nn.Module) -> TiledPicture:
        return TiledPicture(tile_answers, classes=classes, side=model.image_size, threshold=threshold).eval()

    graph = tiled(TileAnswers(model).eval())

    def run_eager(image_CHW: Picture) -> Answers:
        with torch.no_grad():
            probability_KHW: Tensor = graph(torch.from_numpy(image_CHW))
        return {"probabilities": probability_KHW.numpy()}

    def scripted() -> nn.Module:
        # The network is traced, as every network is, and the loop around it compiled: tracing would freeze the number
        # of tiles to the example's.
        with torch.no_grad():
            example_1CSS = torch.zeros(1, 3, model.image_size, model.image_size)
            traced = torch.jit.trace(graph.tile_answers, example_1CSS)  # type: ignore[no-untyped-call]
        compiled: nn.Module = torch.jit.script(tiled(traced))
        return compiled

    return ExportTarget(
        signature=windowed_mask_signature(class_names, threshold=threshold),
        graph=graph,
        run_eager=run_eager,
        check_parity=check_parity,
        scripted=scripted,
        refused=REFUSED,
    )
