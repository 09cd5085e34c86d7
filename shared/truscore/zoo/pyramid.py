"""Bodies and feature pyramids. ``standard`` is FPN (Lin et al. 2017); ``enhanced`` adds the bottom-up path of PANet
(Liu et al. 2018, section 3.1), which brings the exact edges of the fine levels to the coarse ones."""

from collections import OrderedDict
from collections.abc import Callable

import torchvision
from torch import Tensor, nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from truscore.zoo.bases import Base

Norm = Callable[[int], nn.Module]


class PathAggregationNetwork(FeaturePyramidNetwork):  # type: ignore[misc]
    """FPN, then each level plus the finer one below it, strided and convolved. Keys of the FPN part stay the same."""

    def __init__(self, in_channels: list[int], out_channels: int) -> None:
        super().__init__(in_channels, out_channels)
        steps = range(len(in_channels) - 1)
        self.down = nn.ModuleList(nn.Conv2d(out_channels, out_channels, 3, stride=2, padding=1) for _ in steps)
        self.merge = nn.ModuleList(nn.Conv2d(out_channels, out_channels, 3, padding=1) for _ in steps)
        self.pool = LastLevelMaxPool()

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        levels: dict[str, Tensor] = super().forward(features)
        names, fine = list(levels), list(levels.values())
        paths = [fine[0]]
        for down, merge, level in zip(self.down, self.merge, fine[1:], strict=True):
            lifted = down(paths[-1]).relu()[..., : level.shape[-2], : level.shape[-1]]
            paths.append(merge(level + lifted).relu())
        pooled, names = self.pool(paths, fine, names)
        return OrderedDict(zip(names, pooled, strict=True))


class PyramidBackbone(nn.Module):
    """Body and pyramid under the names ``body`` and ``fpn``, as torchvision's published weights have them."""

    def __init__(self, base: Base, *, pyramid: str, norm: Norm) -> None:
        super().__init__()
        network = getattr(torchvision.models, base.body)(weights=None, norm_layer=norm)
        stages = {name: str(level) for level, (name, _) in enumerate(base.stages)}
        self.body = IntermediateLayerGetter(getattr(network, "features", network), return_layers=stages)
        channels = [channels for _, channels in base.stages]
        self.fpn = (
            PathAggregationNetwork(channels, base.pyramid_channels)
            if pyramid == "enhanced"
            else FeaturePyramidNetwork(channels, base.pyramid_channels, extra_blocks=LastLevelMaxPool())
        )
        self.out_channels = base.pyramid_channels

    def forward(self, image_BCHW: Tensor) -> dict[str, Tensor]:
        levels: dict[str, Tensor] = self.fpn(self.body(image_BCHW))
        return levels


def freeze(body: nn.ModuleDict, stages: tuple[str, ...]) -> None:
    """Keep these children of the body as they are. Their norms hold still in any case: they come with the weights."""
    for name in stages:
        body[name].requires_grad_(requires_grad=False)
