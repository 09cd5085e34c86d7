"""What networks have in common that find what each pixel shows.

Legend: B images, C channels, K classes with "nothing" as class 0, S side of the square, s of the raw map.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence

import torch
import torchvision
from segmentation_models_pytorch.encoders._utils import replace_strides_with_dilation
from torch import Tensor, nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.ops import FrozenBatchNorm2d

from truscore.catalog.networks.configs import EncoderConfig
from truscore.configuration.recipe import Recipe
from truscore.zoo.efficientnet_lite import LITE, efficientnet_lite
from truscore.zoo.framing import Framed
from truscore.zoo.published_backbones import as_body
from truscore.zoo.resize import resize_antialiased

_MOST_GROUPS = 8
# Share of pixels that are taken for damaged before anything is learned.
PRIOR = 0.02
# What the names of a body begin with in files of segmentation-models-pytorch.
_ENCODER = "encoder."


class Segmenter(Framed):
    """``forward`` takes framed images, 0 to 1, and gives logits [B, K, S, S]; ``answers`` their probabilities."""

    def forward(self, image_BCSS: Tensor) -> Tensor:
        logits_BKSS: Tensor = self._upsampled(self.logits(self.normalised(image_BCSS)))
        return logits_BKSS

    @abstractmethod
    def logits(self, image_BCSS: Tensor) -> Tensor:
        """[B, K, s, s] of normalised images, at whatever size the network draws its maps."""

    def answers(self, raw: Tensor) -> dict[str, Tensor]:
        """``probabilities`` [B, K, S, S], which sum to 1 over the classes."""
        return {"probabilities": raw.float().softmax(dim=1)}

    def published(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of a whole segmenter of segmentation-models-pytorch or torchvision its body: their heads normalise over
        batches. Files of our own, and of bodies alone, stay as they are. See ``load_pretrained``."""
        encoder = {name: value for name, value in found.items() if name.startswith(_ENCODER)}
        return as_body({f"backbone.{name.removeprefix(_ENCODER)}": value for name, value in encoder.items()} or found)

    def _upsampled(self, map_BKss: Tensor) -> Tensor:
        if map_BKss.shape[-2:] == (self.image_size, self.image_size):
            # A U-Net's decoder ends at the square's own size.
            return map_BKss.float()
        # Matrix products, and whole precision: the gradient of ``interpolate`` adds up in no fixed order on a GPU, and
        # half precision can't tell the places of a large map apart.
        with torch.autocast(map_BKss.device.type, enabled=False):
            return resize_antialiased(map_BKss.float(), self.image_size, self.image_size)


class StagedBackbone(nn.Module):
    """A network as ``body``, its children under their published names; gives one map for each stage."""

    def __init__(self, encoder: EncoderConfig) -> None:
        super().__init__()
        stem = _whole(encoder)
        # Stride 1 with dilation: the filters see as far as before, on a map that stays fine.
        for name, rate in encoder.dilated.items():
            replace_strides_with_dilation(stem.get_submodule(name), rate)
        named = {name: str(place) for place, (name, _) in enumerate(encoder.stages)}
        self.body = IntermediateLayerGetter(stem, return_layers=named)

    def forward(self, image_BCSS: Tensor) -> list[Tensor]:
        return list(self.body(image_BCSS).values())


def _whole(encoder: EncoderConfig) -> nn.Module:
    if encoder.network in LITE:
        return efficientnet_lite(encoder.network)
    network: nn.Module = getattr(torchvision.models, encoder.network)(weights=None, **encoder.options)
    features: nn.Module = getattr(network, "features", network)
    return features


def suit(network: nn.Module, body: nn.Module, recipe: Recipe, early: Sequence[str]) -> None:
    """Norms and frozen stages as the recipe wants them, in place.

    No norm looks over the batch, so that a batch in parts gives the gradient of the whole, whatever the parts' size:
    those of published bodies are kept as they were published, all others are over groups of channels (Wu & He 2018).
    """
    pretrained = recipe.architecture_config.pretrained_weights != "none"
    if pretrained:
        _replace_norms(body, lambda norm: FrozenBatchNorm2d(norm.num_features, eps=norm.eps))
    _replace_norms(network, lambda norm: nn.GroupNorm(groups_of(norm.num_features), norm.num_features))
    freezing = recipe.architecture_config.custom_modifications.backbone_freezing
    for name, weight in body.named_parameters():
        # With the dot: "layer1" is not early because of "layer10".
        is_early = any(f"{name}.".startswith(f"{stage}.") for stage in early)
        if freezing == "full" or (freezing == "partial" and is_early):
            weight.requires_grad_(False)


def expect_nothing(bias_K: Tensor) -> None:
    """Set the last layer's bias so that training begins with damage being rare (Lin et al. 2017, section 4.1)."""
    with torch.no_grad():
        bias_K.zero_()
        # softmax of (b, 0, ..., 0) gives each of the D damages PRIOR / D: b = log((1 - PRIOR) / PRIOR * D).
        bias_K[0] = math.log((1 - PRIOR) / PRIOR * (len(bias_K) - 1))


def groups_of(channels: int) -> int:
    """The most groups, up to 8, that the channels can be parted into."""
    return next(groups for groups in range(_MOST_GROUPS, 0, -1) if channels % groups == 0)


def _replace_norms(network: nn.Module, make: Callable[[nn.BatchNorm2d], nn.Module]) -> None:
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(network, name, make(child))
        else:
            _replace_norms(child, make)
