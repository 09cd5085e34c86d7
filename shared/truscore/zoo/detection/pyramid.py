"""Bodies and feature pyramids. ``standard`` is FPN (Lin et al. 2017); ``enhanced`` adds the bottom-up path of PANet
(Liu et al. 2018, section 3.1), which brings the exact edges of the fine levels to the coarse ones."""

from collections import OrderedDict

from torch import Tensor, nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.convnext import LayerNorm2d
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import ExtraFPNBlock, LastLevelMaxPool, LastLevelP6P7

from truscore.catalog.networks.configs import DetectorConfig
from truscore.zoo.detection.backbones import CHANNELS_LAST, LAYER_NORMED, Norm, body_of


class PathAggregationNetwork(FeaturePyramidNetwork):  # type: ignore[misc]
    """FPN, then each level plus the finer one below it, strided and convolved. Keys of the FPN part stay the same."""

    def __init__(self, in_channels: list[int], out_channels: int, top: ExtraFPNBlock | None) -> None:
        super().__init__(in_channels, out_channels)
        steps = range(len(in_channels) - 1)
        self.down = nn.ModuleList(nn.Conv2d(out_channels, out_channels, 3, stride=2, padding=1) for _ in steps)
        self.merge = nn.ModuleList(nn.Conv2d(out_channels, out_channels, 3, padding=1) for _ in steps)
        self.top = top

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        levels: dict[str, Tensor] = super().forward(features)
        names, fine = list(levels), list(levels.values())
        # The finest level is as it is; each coarser one takes what lies under it (PANet, figure 1 b).
        paths = [fine[0]]
        for down, merge, level in zip(self.down, self.merge, fine[1:], strict=True):
            # Strided convolutions round up at odd sides: cut to the level's own size.
            lifted = down(paths[-1]).relu()[..., : level.shape[-2], : level.shape[-1]]
            paths.append(merge(level + lifted).relu())
        # Above the path, so that the coarsest maps have the fine edges, too.
        if self.top is not None:
            paths, names = self.top(paths, fine, names)
        return OrderedDict(zip(names, paths, strict=True))


class PyramidBackbone(nn.Module):
    """Body and pyramid under the names ``body`` and ``fpn``, as torchvision's published weights have them."""

    def __init__(self, base: DetectorConfig, *, pyramid: str, norm: Norm) -> None:
        super().__init__()
        stages = {name: str(level) for level, (name, _) in enumerate(base.stages)}
        channels = [channels for _, channels in base.stages]
        self.body = IntermediateLayerGetter(body_of(base.backbone, norm), return_layers=stages)
        # Layer-normed bodies add up residuals without norms: their levels are normed here (as Liu et al. 2021 do).
        self.norms = nn.ModuleDict(
            {str(level): LayerNorm2d(width, eps=1e-6) for level, width in enumerate(channels)}
            if base.backbone in LAYER_NORMED
            else {}
        )
        self._channels_last = base.backbone in CHANNELS_LAST
        top = _top(base)
        self.fpn = (
            PathAggregationNetwork(channels, base.pyramid_channels, top)
            if pyramid == "enhanced"
            else FeaturePyramidNetwork(channels, base.pyramid_channels, extra_blocks=top)
        )
        self.out_channels = base.pyramid_channels

    def forward(self, image_BCHW: Tensor) -> dict[str, Tensor]:
        # By level, "0" the finest; sides H / stride, rounded up to whole places.
        stages: dict[str, Tensor] = self.body(image_BCHW)
        if self._channels_last:
            stages = {name: stage_BHWC.permute(0, 3, 1, 2) for name, stage_BHWC in stages.items()}
        if len(self.norms):
            stages = {name: self.norms[name](stage_BCHW) for name, stage_BCHW in stages.items()}
        levels: dict[str, Tensor] = self.fpn(stages)
        return levels


def freeze(body: nn.ModuleDict, stages: tuple[str, ...]) -> None:
    """Keep these children of the body as they are. Their norms hold still in any case: they come with the weights."""
    for name in stages:
        body[name].requires_grad_(requires_grad=False)


def _top(base: DetectorConfig) -> ExtraFPNBlock | None:
    # Two levels from the coarsest by strided convolutions (Lin et al. 2017, "Focal loss for dense object detection",
    # section 4), or one by picking every second place (as FPN does for its proposals), or none.
    if base.top == "p6p7":
        return LastLevelP6P7(base.pyramid_channels, base.pyramid_channels)
    return LastLevelMaxPool() if base.top == "pool" else None
