"""Builders of the networks that name the damages on an image, several at once.

Legend: B images, C channels, h, w sides of the map, N = h w places, K classes, M temperatures, W width of a head.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

import torch
from torch import Tensor, nn

from truscore.catalog.networks.configs import MultiLabelConfig
from truscore.configuration.recipe import Recipe
from truscore.zoo.classification.network import MultiLabel, backbone_of
from truscore.zoo.configs import config_of

HEAD_WIDTH = 16


class HeadForEach(nn.Module):
    """A head of its own for each class on one body (Caruana 1997, "Multitask learning", hard sharing): a convolution,
    mean and maximum over the map, a linear layer. What tells a crease is not what tells a stain. The heads are the
    groups of one convolution. Beside it each has a line straight to the body's features, by which the body learns from
    the first step."""

    def __init__(self, channels: int, classes: int, *, dropout: float) -> None:
        super().__init__()
        wide = HEAD_WIDTH * classes
        self.narrow = nn.Sequential(nn.Conv2d(channels, wide, 1), nn.ReLU(inplace=True))
        # The norm comes last: on a small map most of a 3 x 3 window is margin, and its sums are small.
        self.look = nn.Sequential(
            nn.Conv2d(wide, wide, 3, padding=1, groups=classes), nn.GroupNorm(classes, wide), nn.ReLU(inplace=True)
        )
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Conv1d(2 * wide, classes, 1, groups=classes)
        self.straight = nn.Linear(2 * channels, classes)
        self._classes = classes

    def forward(self, map_BChw: Tensor) -> Tensor:
        seen = self.look(self.narrow(map_BChw)).unflatten(1, (self._classes, HEAD_WIDTH))
        # Mean and maximum of each head's own W channels: a stain covers much, a crease is a line.
        own_BK2W = torch.cat([seen.mean(dim=(3, 4)), seen.amax(dim=(3, 4))], dim=2)
        shared_B2C = torch.cat([map_BChw.mean(dim=(2, 3)), map_BChw.amax(dim=(2, 3))], dim=1)
        # A 1 x 1 convolution in K groups is K linear layers at once: [B, K 2W, 1] to [B, K, 1].
        own_BK = self.out(self.dropout(own_BK2W.flatten(1))[:, :, None])[:, :, 0]
        return cast(Tensor, own_BK + self.straight(self.dropout(shared_B2C)))


class AttentionForEach(nn.Module):
    """Each class looks where it is (Zhu & Wu 2021, "Residual attention: a simple but effective method for multi-label
    recognition"): its logit is that of the mean over the map plus ``share`` times that of the places its own attention
    weighs (equations 4 to 7), averaged over several temperatures, the sharpest near to the maximum (section 3.4)."""

    temperatures_M: Tensor

    def __init__(self, channels: int, classes: int, *, dropout: float, share: float = 0.5) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Conv2d(channels, classes, 1)
        self._share = share
        self.register_buffer("temperatures_M", torch.tensor([1.0, 2.0, 4.0, 16.0]), persistent=False)

    def forward(self, map_BChw: Tensor) -> Tensor:
        # A linear classifier at each of the N places, without a pooled vector in between.
        logits_BKN = self.out(self.dropout(map_BChw)).flatten(2)
        # [B, K, M, N]: a softmax over the places for each temperature; the larger it is, the nearer to the maximum.
        attention_BKMN = (logits_BKN[:, :, None] * self.temperatures_M[:, None]).softmax(dim=3)
        attended_BK = (attention_BKMN * logits_BKN[:, :, None]).sum(dim=3).mean(dim=2)
        return cast(Tensor, logits_BKN.mean(dim=2) + self._share * attended_BK)


HEADS: Mapping[str, type[HeadForEach] | type[AttentionForEach]] = MappingProxyType(
    {"multi_head": HeadForEach, "attention": AttentionForEach}
)


def build_multi_label(recipe: Recipe, num_classes: int) -> MultiLabel:
    """``num_classes`` classes, each there or not."""
    config = config_of(recipe, MultiLabelConfig)
    dropout = recipe.loss_config.regularization.dropout
    return MultiLabel(
        backbone=backbone_of(recipe, config.backbone),
        head=HEADS[config.head](config.backbone.channels, num_classes, dropout=dropout),
        image_size=recipe.image_size,
        normalisation=config.backbone.normalisation,
    )
